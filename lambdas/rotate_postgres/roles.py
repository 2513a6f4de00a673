"""The pair of logins in PostgreSQL: what they are, and how the rotator makes them as declared.

It gives no login a role and takes none away, on purpose: the rotator could not. Who is a member of
what is the program's to say, and a difference is an error here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from lambdas.shared.errors import NotProvenError
from lambdas.shared.sql import compose, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lambdas.rotate_postgres.settings import Rotation
    from lambdas.shared.database import Session

_REMEDY = "Nothing was changed: run `pulumi up` with `--refresh`, and rotate again."

# Without a password: who may see those is a superuser.
_STATE = """
    SELECT login.rolname,
           login.rolsuper OR login.rolcreaterole OR login.rolcreatedb OR login.rolreplication
               OR login.rolbypassrls,
           pg_has_role(login.oid, 'MEMBER WITH ADMIN OPTION'),
           EXISTS (SELECT FROM pg_roles iam
                   WHERE iam.rolname = 'rds_iam' AND pg_has_role(login.oid, iam.oid, 'MEMBER')),
           ARRAY(SELECT held.rolname::text FROM pg_auth_members edge
                 JOIN pg_roles held ON held.oid = edge.roleid
                 WHERE edge.member = login.oid GROUP BY 1 ORDER BY 1),
           json_build_array(
               login.rolcanlogin, login.rolinherit, login.rolconnlimit,
               coalesce(login.rolvaliduntil, 'infinity'),
               ARRAY(SELECT format('%s %s', coalesce(datname, ''), setting)
                     FROM pg_db_role_setting held
                     LEFT JOIN pg_database ON pg_database.oid = held.setdatabase
                     CROSS JOIN unnest(held.setconfig) AS setting
                     WHERE held.setrole = login.oid ORDER BY 1))::text
    FROM pg_roles login
    WHERE login.rolname IN (:first, :second)"""

# The login and what is to become its password come with the session's parameters: no log of the
# server has those. A statement that holds them would be in its log, also when it fails, and what
# an error says of the statement that it comes from is left out here.
LOGIN, VERIFIER = "airflow_postgres.login", "airflow_postgres.verifier"
# They would show the statement that is made of the two; parameters of the session, as it begins.
UNTOLD = MappingProxyType({"debug_print_parse": "off", "debug_print_rewritten": "off"})
# So would this one, which only a superuser sets.
_TELLS = "log_parser_stats"
_SET_PASSWORD = f"""
    DO $$ BEGIN
        EXECUTE format('ALTER ROLE %I PASSWORD %L',
                       current_setting('{LOGIN}'), current_setting('{VERIFIER}'));
    EXCEPTION WHEN query_canceled OR others THEN
        RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
    END $$"""


@dataclass(frozen=True, kw_only=True)
class Login:
    """One of the pair, as the catalogs have it.

    Attributes:
        powerful: whether it has an attribute that no such login has.
        administered: whether the session's user may alter it.
        by_iam: whether it logs in by IAM, and so with no password.
        roles: what it is a member of.
        attributes: what `make_as_declared` makes of it, as one text.
    """

    powerful: bool
    administered: bool
    by_iam: bool
    roles: tuple[str, ...]
    attributes: str


def lock_pair(session: Session, rotation: Rotation) -> None:
    """Let this session alone change or promote the pair, until it is closed or idle for too long.

    Not of a transaction: what is promoted in the end has been committed before.
    """
    digest = hashlib.sha256("\n".join(rotation.logins).encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    session.run("SELECT pg_advisory_lock(CAST(:key AS bigint))", key=key)


def set_password(session: Session, rotation: Rotation, login: str) -> None:
    """Make both as declared, and give `login` the password that the session was opened with.

    Raises:
        NotProvenError: the pair is not what it should be; nothing was changed.
        FunctionError: a statement failed; nothing was changed, unless it was the COMMIT.
    """
    session.run("BEGIN")
    before = read_pair(session, rotation)
    for name, state in before.items():
        if not state.administered:
            raise NotProvenError(f"{rotation.rotator} has no ADMIN option on {name}. {_REMEDY}")
    prove_pair(before, rotation)
    _prove_untold(session)
    # Before the password: the row is this session's by then. The server logs a statement that has
    # to wait, whatever it holds (log_lock_waits).
    _make_as_declared(session, rotation, login)
    session.run(_SET_PASSWORD)
    made = read_pair(session, rotation)
    other = rotation.other(login)
    if made[other].attributes != made[login].attributes:
        _make_as_declared(session, rotation, other)
        made = read_pair(session, rotation)
    prove_equal(made, rotation)
    session.run("COMMIT")


def read_pair(session: Session, rotation: Rotation) -> Mapping[str, Login]:
    """Return what the catalogs say of both.

    Raises:
        NotProvenError: one of them does not exist.
    """
    first, second = rotation.logins
    rows = session.run(_STATE, first=first, second=second)
    found = {
        name: Login(
            powerful=powerful,
            administered=administered,
            by_iam=by_iam,
            roles=tuple(roles),
            attributes=attributes,
        )
        for name, powerful, administered, by_iam, roles, attributes in rows
    }
    for name in sorted(set(rotation.logins) - found.keys()):
        raise NotProvenError(f"There is no login {name}. {_REMEDY}")
    return found


def prove_pair(pair: Mapping[str, Login], rotation: Rotation) -> None:
    """Raise NotProvenError unless each may do what is declared, by its memberships, and no more."""
    wrong = [sentence for name, state in pair.items() for sentence in _wrong(name, state, rotation)]
    if wrong:
        raise NotProvenError(f"{'; '.join(wrong)}. {_REMEDY}")


def prove_equal(pair: Mapping[str, Login], rotation: Rotation) -> None:
    """Raise NotProvenError if the two differ in what the rotator could have altered."""
    first, second = rotation.logins
    if pair[first].attributes != pair[second].attributes:
        raise NotProvenError(
            f"{first} and {second} differ in their attributes or settings: rotate again, and look "
            "for settings that only a superuser may take away if that does not help."
        )


def _prove_untold(session: Session) -> None:
    ((tells,),) = session.run("SELECT current_setting(:name)::boolean", name=_TELLS)
    if tells:
        raise NotProvenError(
            f"{_TELLS} is on, and would write the new password's verifier into the server's log. "
            "Nothing was changed: turn it off, and rotate again."
        )


def _wrong(name: str, state: Login, rotation: Rotation) -> Iterator[str]:
    if state.powerful:
        yield f"{name} has an attribute of an administrator, which it must not"
    if state.by_iam:
        yield f"{name} is a member of rds_iam, so that no password lets it in"
    for role in sorted(set(rotation.roles) - set(state.roles)):
        yield f"{name} is no member of {role}"
    for role in sorted(set(state.roles) - set(rotation.roles) - {"rds_iam"}):
        yield f"{name} is a member of {role}, which it must not be"


def _make_as_declared(session: Session, rotation: Rotation, login: str) -> None:
    inherit = "NOINHERIT" if rotation.role else "INHERIT"
    until = literal(rotation.valid_until or "infinity")
    database = rotation.database
    limit = f"CONNECTION LIMIT {rotation.connection_limit}"
    for sql in (
        f"ALTER ROLE {{login}} LOGIN {inherit} {limit} VALID UNTIL {until}",
        "ALTER ROLE {login} RESET ALL",
        "ALTER ROLE {login} IN DATABASE {database} RESET ALL",
    ):
        session.run(compose(sql, login=login, database=database))
    for name, value in rotation.settings.items():
        names = value if isinstance(value, tuple) else (value,)
        to = ", ".join(quoted(one) for one in names)
        session.run(compose("ALTER ROLE {login} SET {name} TO ", login=login, name=name) + to)
