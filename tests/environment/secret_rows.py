"""What a row of the inventory of secrets is, and the places that several of them share."""

from __future__ import annotations

from dataclasses import dataclass

from tests.environment.searches import ANSWER, FILE

UNKNOWABLE = "unknowable"
ALWAYS, WITH_AIRFLOW, SOMETIMES = "always", "with Airflow", "sometimes"


@dataclass(frozen=True, kw_only=True)
class Belongs:
    """A place of a secret.

    Attributes:
        kind: of the place.
        where: pattern of its name; `{holder}` is whose secret it is.
        reason: why it has to be there.
        seen: `sometimes` it may be there, otherwise it is found there in each run.
    """

    kind: str
    where: str
    reason: str
    seen: str = ALWAYS


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A row of the table.

    Attributes:
        name: what it is; with its holder the name of one secret.
        maker: who makes it.
        on_aws: where it lives on AWS and EKS.
        readers: who can read it.
        ends: how it ends, or rotates.
        places: where it is in the local environment; empty is in nobody's reach.
        seen: when a run has one at all.
    """

    name: str
    maker: str
    on_aws: str
    readers: str
    ends: str
    places: tuple[Belongs, ...]
    seen: str = ALWAYS


MEMORY = ".local/account/snapshot/stores"
KEPT_BY_AWS = Belongs(kind=FILE, where=MEMORY, reason="it stands for all of AWS's own memory")
TOKEN_FILE = "TMPDIR/tmp*/pgpass"
BY_PROMPT = Belongs(
    kind=FILE,
    where=TOKEN_FILE,
    reason="libpq takes it from a private file, which goes with the prompt",
    seen=SOMETIMES,
)
POD = "pods/{holder}/volumes"


def in_secret(secret: str) -> Belongs:
    """In the answer to whoever may read a secret of Secrets Manager."""
    return Belongs(
        kind=ANSWER, where=f"secret {secret}", reason="Secrets Manager is where it is kept"
    )
