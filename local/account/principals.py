"""Who calls: users and sessions of roles, the policies that count for them, what conditions see.

It reads IAM's stores and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.iam.exceptions import NoSuchEntity, NotFoundException

from local.account.iam import Policies, Policy
from local.account.postgres.identities import UnknownCredentialError
from local.account.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moto.iam.models import Group, ManagedPolicy, Role, User

    from local.account.backends import Backends
    from local.account.sessions import Sessions

_MISSING = (NoSuchEntity, NotFoundException)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A user, or a session of a role.

    Attributes:
        arn: the user's ARN, or the session's (`...:assumed-role/<role>/<session>`).
        words: how reasons name it, such as `role x`.
        user_id: the unique id, of a session with its name.
        owner_arn: the ARN whose policies count: the user's or the role's.
        session: the session, None for a user.
    """

    arn: str
    words: str
    user_id: str
    owner_arn: str
    session: Session | None = field(default=None, repr=False)

    @property
    def names(self) -> frozenset[str]:
        """What a resource policy may name to mean this principal."""
        return frozenset({self.arn, self.owner_arn})


class SessionArn(str):
    """A session's ARN that remembers its session, so that session policies are not lost with it."""

    session: Session

    def __new__(cls, arn: str, session: Session) -> SessionArn:
        """Make the ARN; as text it is a plain one."""
        self = super().__new__(cls, arn)
        self.session = session
        return self


class Directory:
    """Finds principals and their policies in IAM; the caller holds the account's lock."""

    def __init__(self, backends: Backends, sessions: Sessions) -> None:
        self.backends = backends
        self.sessions = sessions

    def holder(self, access_key_id: str, session_token: str | None) -> tuple[str, Principal]:
        """Find the secret key and the principal of an access key.

        Raises:
            UnknownCredentialError: it is unknown, switched off, expired, or its role is gone.
        """
        if session_token:
            session = self.sessions.open(access_key_id, session_token)
            return self.sessions.secret_key(access_key_id), self.of_session(session)
        key = self.backends.iam.access_keys.get(access_key_id)
        if key is None or key.user_name is None:
            raise UnknownCredentialError("the access key is unknown")
        if key.status != "Active":
            raise UnknownCredentialError("the access key is inactive")
        return key.secret_access_key, self.of_user(self.backends.iam.get_user(key.user_name))

    def of_user(self, user: User) -> Principal:
        """The principal that an IAM user is."""
        return Principal(
            arn=user.arn, words=f"user {user.name}", user_id=user.id, owner_arn=user.arn
        )

    def of_session(self, session: Session) -> Principal:
        """The principal that a session of a role is.

        Raises:
            UnknownCredentialError: the role is gone, or another one has its name now.
        """
        role = self.role(session.role_arn)
        if role is None or role.id != session.role_id:
            raise UnknownCredentialError("the role of the session does not exist any more")
        account = self.backends.account
        return Principal(
            arn=f"arn:{role.partition}:sts::{account}:assumed-role/{role.name}/{session.name}",
            words=f"role {role.name}",
            user_id=f"{role.id}:{session.name}",
            owner_arn=role.arn,
            session=session,
        )

    def of_arn(self, arn: str) -> Principal:
        """The principal of an ARN that `holder` gave.

        Raises:
            UnknownCredentialError: there is none.
        """
        if isinstance(arn, SessionArn):
            return self.of_session(arn.session)
        for user in self.backends.iam.users.values():
            if user.arn == arn:
                return self.of_user(user)
        raise UnknownCredentialError(f"{arn} is no principal of this account")

    def role(self, arn: str) -> Role | None:
        """Find a role by its ARN."""
        return next((role for role in self.backends.iam.roles.values() if role.arn == arn), None)

    def policies(self, principal: Principal) -> Policies:
        """The identity policies of a principal, and what limits them."""
        if principal.session is None:
            user = self.backends.iam.get_user(principal.owner_arn.rpartition("/")[2])
            identity = _attached(user, principal.words)
            for group in self.backends.iam.get_groups_for_user(user.name):
                identity += _attached(group, f"group {group.name}")
            return Policies(identity=identity)
        role = self.role(principal.owner_arn)
        if role is None:
            return Policies()
        limits: list[Sequence[Policy]] = []
        if role.permissions_boundary_arn:
            limits.append(self._boundary(role.permissions_boundary_arn))
        if principal.session.policies:
            limits.append(
                [
                    Policy(f"session policy of {principal.arn}", document)
                    for document in principal.session.policies
                ]
            )
        return Policies(identity=_attached(role, principal.words), limits=limits)

    def _boundary(self, arn: str) -> list[Policy]:
        try:
            document = default_document(self.backends.iam.get_policy(arn))
        except _MISSING:
            return []  # A limit without a policy allows nothing.
        return [Policy(f"permissions boundary {arn}", document)]

    def context(self, principal: Principal) -> dict[str, str | None]:
        """The condition keys that tell who calls."""
        session = principal.session
        keys: dict[str, str | None] = {
            "aws:principalarn": principal.owner_arn,
            "aws:principalaccount": self.backends.account,
            "aws:principaltype": "AssumedRole" if session else "User",
            "aws:principalisawsservice": "false",
            "aws:principalorgid": None,
            "aws:userid": principal.user_id,
            "aws:username": None if session else principal.owner_arn.rpartition("/")[2],
            "aws:federatedprovider": (session.provider or None) if session else None,
            "aws:tokenissuetime": _iso(session.issued) if session else None,
            "aws:multifactorauthpresent": None,
            "aws:multifactorauthage": None,
            "aws:principaltag/*": None,
        }
        for tag in self._tags(principal):
            keys[f"aws:principaltag/{tag['Key'].lower()}"] = tag["Value"]
        return keys

    def _tags(self, principal: Principal) -> Sequence[dict[str, str]]:
        if principal.session is None:
            return self.backends.iam.get_user(principal.owner_arn.rpartition("/")[2]).tags or ()
        role = self.role(principal.owner_arn)
        return role.tags if role else ()


def _attached(owner: User | Role | Group, words: str) -> list[Policy]:
    """The inline and the managed policies of a user, role or group."""
    inline = [
        Policy(f"policy {name} of {words}", document) for name, document in owner.policies.items()
    ]
    managed = [
        Policy(f"policy {policy.name} of {words}", default_document(policy))
        for policy in owner.managed_policies.values()
    ]
    return inline + managed


def default_document(policy: ManagedPolicy) -> str:
    """The JSON document of a managed policy's default version."""
    version = next(version for version in policy.versions if version.is_default)
    return version.document or ""


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
