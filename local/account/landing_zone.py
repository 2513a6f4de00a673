"""What exists in the account before the program: network, cluster, identities, topic.

Only what it is; `local.account.foundation` adds it to the account.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from stacks.settings import Settings


@dataclass(frozen=True, kw_only=True)
class LandingZone:
    """What the settings take for granted.

    Attributes:
        account: the account's id.
        region: its region.
        cluster: the EKS cluster's name.
        subnets: ids of the subnets for databases.
        administrators: ARNs of the users who may do everything.
        users: ARNs of the other users.
        topic: ARN of the SNS topic.
    """

    account: str
    region: str
    cluster: str
    subnets: tuple[str, ...]
    administrators: tuple[str, ...]
    users: tuple[str, ...]
    topic: str

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read it out of the settings of a stack."""
        readers = [reader.principal for reader in (*settings.people, *settings.agents)]
        return cls(
            account=settings.account,
            region=settings.region,
            cluster=settings.cluster,
            subnets=settings.database_subnets,
            administrators=settings.deployers,
            users=tuple(dict.fromkeys([*settings.break_glass, *readers])),
            topic=settings.alarm_topic,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote."""
        content: dict[str, Any] = json.loads(text)
        for name in ("subnets", "administrators", "users"):
            content[name] = tuple(content[name])
        return cls(**content)

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @property
    def user_names(self) -> tuple[str, ...]:
        """The names of all users, each once."""
        arns = dict.fromkeys([*self.administrators, *self.users])
        return tuple(arn.rpartition("/")[2] for arn in arns)
