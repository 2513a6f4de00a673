"""What is not as declared in PostgreSQL, or not reachable; each test bears its fault's number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lambdas.shared.errors import (
    NotProvenError,
)
from tests.lambdas.rotating_pair import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lambdas.rotating_pair import RotatingPair
    from tests.lambdas.rotating_server import RotatingServer

pytest_plugins = ["tests.lambdas.rotation_fixtures"]


def _config(pair: RotatingPair) -> list[object]:
    return [
        row[1:]
        for row in pair.server.execute(
            "SELECT rolname, rolcanlogin, rolinherit, rolconnlimit, rolvaliduntil::text, ARRAY("
            "SELECT s FROM pg_db_role_setting, unnest(setconfig) s WHERE setrole = pg_roles.oid"
            " ORDER BY 1) FROM pg_roles WHERE rolname IN ({}) ORDER BY 1".format(
                ", ".join(f"'{login}'" for login in pair.rotation.logins)
            )
        )
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["F11_current", "F11_other"])
@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("REVOKE dev_billing_writer FROM {login}", "{login} is no member of dev_billing_writer"),
        ("GRANT dev_reference_owner TO {login}", "is a member of dev_reference_owner, which it"),
        ("GRANT rds_iam TO {login}", "is a member of rds_iam, so that no password lets it in"),
    ],
    ids=["lost", "gained", "F33_iam"],
)
def test_membership_that_is_not_as_declared(
    pair: RotatingPair, which: int, sql: str, sentence: str
) -> None:
    login = pair.rotation.logins[which]
    token = pair.begin()
    pair.rotate(token, STEPS[:3])
    pending = pair.credential("AWSPENDING").username
    pair.server.execute(sql, role="provisioner", login=login)
    for step in ("setSecret", "testSecret", "finishSecret"):
        lets_in = step != "testSecret" or "rds_iam" not in sql or login != pending
        wanted = sentence.format(login=login) + ".*run `pulumi up`" if lets_in else "of rds_iam"
        with pytest.raises(NotProvenError, match=wanted):
            pair.take(step, token)
    assert pair.labels["AWSCURRENT"] != token
    undo = sql.replace("GRANT", "UNGRANT").replace("REVOKE", "GRANT").replace("UNGRANT", "REVOKE")
    undo = undo.replace(" TO ", " _ ").replace(" FROM ", " TO ").replace(" _ ", " FROM ")
    pair.server.execute(undo, role="provisioner", login=login)
    pair.rotate(token)
    pair.assert_works()


def test_f33_iam_for_a_group(pair: RotatingPair) -> None:
    token = pair.begin()
    pair.rotate(token, STEPS[:3])
    pair.server.execute("GRANT rds_iam TO dev_billing_writer", role="provisioner")
    try:
        for step in ("setSecret", "finishSecret"):
            with pytest.raises(NotProvenError, match=r"member of rds_iam|does not get in"):
                pair.take(step, token)
        with pytest.raises(NotProvenError, match="does not get in"):
            pair.take("check")
    finally:
        pair.server.execute("REVOKE rds_iam FROM dev_billing_writer", role="provisioner")
    pair.rotate(token)
    pair.assert_works()


@pytest.mark.parametrize(
    ("grant", "role", "owner"),
    [
        ("{} USAGE ON SCHEMA dev_reference_v1 {} {role}", "dev_reference_reader", "dev_reference"),
        ("{} CREATE ON SCHEMA dev_billing_v1 {} {role}", "dev_billing_writer", "dev_billing"),
    ],
    ids=["reads", "writes"],
)
def test_privilege_lost_by_the_group(pair: RotatingPair, grant: str, role: str, owner: str) -> None:
    """The memberships are all there; only the real statement tells."""
    token = pair.begin()
    pair.rotate(token, STEPS[:2])
    pair.server.execute(grant.format("REVOKE", "FROM", role=role), role=f"{owner}_owner")
    try:
        for step in ("testSecret", "finishSecret"):
            with pytest.raises(NotProvenError, match="permission denied for schema"):
                pair.take(step, token)
    finally:
        pair.server.execute(grant.format("GRANT", "TO", role=role), role=f"{owner}_owner")
    pair.rotate(token)
    pair.assert_works()


def test_f12_drift_of_either_is_repaired(pair: RotatingPair) -> None:
    declared = _config(pair)
    first, second = pair.rotation.logins
    assert declared[0] == declared[1]
    for statement in (
        "ALTER ROLE {login} CONNECTION LIMIT 1",
        "ALTER ROLE {login} INHERIT",
        "ALTER ROLE {login} NOLOGIN",
        "ALTER ROLE {login} VALID UNTIL '2020-01-01'",
        "ALTER ROLE {login} SET search_path TO public",
        "ALTER ROLE {login} SET statement_timeout TO 1",
        "ALTER ROLE {login} IN DATABASE application SET work_mem TO '65kB'",
        "ALTER ROLE {login} RESET role",
    ):
        for login in (first, second):
            pair.server.execute(statement, login=login)
            assert _config(pair) != declared or "IN DATABASE" in statement
            pair.rotate()
            assert _config(pair) == declared
            pair.assert_works()


def test_f12_declared_settings_arrive(server: RotatingServer) -> None:
    pair = server.pair()
    until = "2099-12-31T00:00:00+00:00"
    changed = replace(
        pair.rotation,
        settings={**pair.rotation.settings, "statement_timeout": "30000"},
        valid_until=until,
        connection_limit=3,
    )
    pair.rotation = changed
    pair.take("first")
    first, second = _config(pair)
    assert first == second
    assert "statement_timeout=30000" in str(first)
    assert "2099-12-3" in str(first)
    pair.assert_works()


def test_f13_objects_of_either_are_the_others_too(pair: RotatingPair) -> None:
    for turn in range(4):
        with pair.open() as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS shared_{pair.rotation.rotator} (n int)")
            connection.execute(f"ALTER TABLE shared_{pair.rotation.rotator} ADD c{turn} int")
            connection.execute(f"INSERT INTO shared_{pair.rotation.rotator} VALUES (1)")
            rows = connection.execute(f"SELECT n FROM shared_{pair.rotation.rotator}").fetchall()
            assert len(rows) == turn + 1
        pair.rotate()


def test_f15_password_changed_by_somebody_else(
    pair: RotatingPair, capfd: pytest.CaptureFixture[str]
) -> None:
    pair.server.execute(
        "ALTER ROLE {login} PASSWORD 'changed-by-hand'", login=pair.credential().username
    )
    with pytest.raises(NotProvenError, match="does not get in"):
        pair.take("check")
    pair.rotate()
    assert '"event": "current_refused"' in capfd.readouterr().out
    pair.assert_works()
    assert pair.take("check") == "works"


def test_f15_secret_changed_by_somebody_else(pair: RotatingPair) -> None:
    before = pair.credential()
    pair.store.put_secret_value(pair.rotation.secret, "nonsense", "", "n" * 32, ["AWSCURRENT"])
    pair.rotate()
    pair.assert_works()
    pair.assert_works(before)


def test_value_without_a_password_gets_one_and_one_with_a_password_keeps_it(
    pair: RotatingPair,
) -> None:
    """As when a workflow that used IAM is rotated from now on, and a second time later."""
    for number in "12":
        pair.store.put_secret_value(
            pair.rotation.secret, '{"login": "dev_billing"}', "", number * 32, ["AWSCURRENT"]
        )
        assert pair.take("first") == "put"
        pair.assert_works()
        first = pair.credential()
        assert pair.take("first") == "kept"
        assert pair.credential() == first


def test_f18_rotation_of_the_masters_password_meanwhile(pair: RotatingPair) -> None:
    """No step uses it."""
    token = pair.begin()
    for step in STEPS:
        pair.server.plane.modify(pair.server.spec, f"the-masters-{token}")
        pair.take(step, token)
    pair.assert_works()


@pytest.mark.parametrize("which", [0, 1], ids=["F37_current", "F37_other"])
@pytest.mark.parametrize(
    "how", ["REVOKE {login} FROM {rotator}", "ALTER ROLE {login} RENAME TO {gone}"]
)
def test_rotator_that_lost_one_of_the_pair(pair: RotatingPair, which: int, how: str) -> None:
    login = pair.rotation.logins[which]
    token = pair.begin()
    pair.take("createSecret", token)
    pair.server.execute(
        how, role="provisioner", login=login, rotator=pair.rotation.rotator, gone=f"{login}_gone"
    )
    changed: Callable[[], object] = lambda: pair.server.execute(  # noqa: E731 - short, and once
        "SELECT rolname, rolpassword, rolconnlimit FROM pg_authid ORDER BY 1"
    )
    before = changed()
    with pytest.raises(
        NotProvenError, match=rf"(no ADMIN option on|no login) {login}\. Nothing was"
    ):
        pair.take("setSecret", token)
    assert changed() == before
