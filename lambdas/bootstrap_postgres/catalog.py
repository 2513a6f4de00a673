"""What PostgreSQL's catalogs say about the provisioner, the master and database `postgres`.

Only what every login may read: the master is no superuser, and pg_authid is closed to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lambdas.bootstrap_postgres.request import Request
    from lambdas.shared.database import Session

DATABASE = "postgres"

_ATTRIBUTES = """
    SELECT rolcanlogin, rolinherit, rolcreaterole, rolcreatedb, rolconnlimit,
           rolsuper, rolreplication, rolbypassrls
    FROM pg_roles WHERE rolname = :provisioner"""

# A role can be a member several times over, once for each grantor. An edge with neither INHERIT nor
# SET only lets its holder administer the role.
_IAM_MEMBERS = """
    SELECT member.rolname, bool_or(edge.inherit_option OR edge.set_option),
           bool_or(edge.admin_option)
    FROM pg_auth_members edge
    JOIN pg_roles iam ON iam.oid = edge.roleid AND iam.rolname = 'rds_iam'
    JOIN pg_roles member ON member.oid = edge.member
    WHERE member.rolname IN (:provisioner, :master)
    GROUP BY member.rolname"""

_RESTRICTED_MEMBER = """
    SELECT 1 FROM pg_auth_members edge
    JOIN pg_roles held ON held.oid = edge.roleid AND held.rolname = 'rds_password'
    JOIN pg_roles member ON member.oid = edge.member AND member.rolname = :provisioner
    HAVING bool_or(edge.inherit_option) AND bool_or(edge.admin_option)"""

_SUPERUSER_MEMBER = """
    SELECT 1 FROM pg_roles powerful, pg_roles provisioner
    WHERE powerful.rolname = 'rds_superuser' AND provisioner.rolname = :provisioner
      AND pg_has_role(provisioner.oid, powerful.oid, 'MEMBER')"""

_DATABASE_RIGHTS = """
    SELECT coalesce(holder.rolname, 'PUBLIC'), held.privilege_type
    FROM pg_database
    CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) AS held
    LEFT JOIN pg_roles holder ON holder.oid = held.grantee
    WHERE datname = :database AND (held.grantee = 0 OR holder.rolname = :provisioner)"""


class Attributes(NamedTuple):
    """Of a role, in the order of the query above."""

    can_login: bool
    inherits: bool
    creates_roles: bool
    creates_databases: bool
    connection_limit: int
    superuser: bool
    replicates: bool
    bypasses_row_security: bool


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What there is."""

    attributes: Attributes | None
    """Of the provisioner; None if there is no such role."""
    iam_members: frozenset[str]
    """Which of provisioner and master log in by IAM."""
    iam_administrators: frozenset[str]
    """Which of them may give rds_iam to others."""
    password_member: bool
    """Whether the provisioner may use password commands where RDS restricts them, and may give
    that right to others."""
    rds_superuser: bool
    """Whether the provisioner is one."""
    public_rights: frozenset[str]
    """What every login may do with database `postgres`."""
    provisioner_rights: frozenset[str]
    """What the provisioner may do with it by a grant of its own."""


def read_catalog(session: Session, request: Request) -> Catalog:
    """Return what the catalogs say at this moment of the session's transaction."""
    provisioner, master = request.provisioner, request.master
    attributes = session.run(_ATTRIBUTES, provisioner=provisioner)
    members = session.run(_IAM_MEMBERS, provisioner=provisioner, master=master)
    password = session.run(_RESTRICTED_MEMBER, provisioner=provisioner)
    superuser = session.run(_SUPERUSER_MEMBER, provisioner=provisioner)
    rights = session.run(_DATABASE_RIGHTS, database=DATABASE, provisioner=provisioner)
    return Catalog(
        attributes=Attributes(*attributes[0]) if attributes else None,
        iam_members=frozenset(name for name, is_member, _ in members if is_member),
        iam_administrators=frozenset(name for name, _, may_grant in members if may_grant),
        password_member=bool(password),
        rds_superuser=bool(superuser),
        public_rights=frozenset(right for holder, right in rights if holder == "PUBLIC"),
        provisioner_rights=frozenset(right for holder, right in rights if holder != "PUBLIC"),
    )
