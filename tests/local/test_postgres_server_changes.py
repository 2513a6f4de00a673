"""What changes a running instance: parameters, password, port, stop and start."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from local.account.postgres import InstanceError
from tests.local.instance_client import value
from tests.processes import lives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.instance_client import Instance


@pytest.fixture(scope="module", params=[16, 18], ids=["16", "18"])
def instance(
    make_instance: Callable[..., Instance], request: pytest.FixtureRequest
) -> Iterator[Instance]:
    """An instance of this module's own, for changing; each test puts back what it changed."""
    made = make_instance(f"changing-{request.param}", request.param, fsync="", log_statement="all")
    yield made
    made.plane.delete(made.spec.identifier)


@pytest.fixture
def modified(instance: Instance) -> Iterator[Callable[..., None]]:
    """Modifies the instance for the length of a test."""

    def modify(**changes: object) -> None:
        instance.plane.modify(dataclasses.replace(instance.spec, **changes))  # type: ignore[arg-type]  # any field

    yield modify
    instance.plane.modify(instance.spec)


def test_durable_settings(instance: Instance) -> None:
    with instance.master() as connection:
        assert value(connection, "SHOW fsync") == "on"
        assert value(connection, "SHOW full_page_writes") == "on"
        assert value(connection, "SHOW data_checksums") == "on"
        assert value(connection, "SHOW rds.force_ssl") == "1"
        assert value(connection, "SHOW timezone") == "UTC"
        major = value(connection, "SHOW server_version_num")
    assert str(major).startswith(str(instance.spec.major))


def test_new_master_password(instance: Instance) -> None:
    password = secrets.token_urlsafe(20)

    instance.plane.modify(instance.spec, master_password=password)
    try:
        instance.connect("dbmaster", password).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            instance.master()
    finally:
        instance.plane.modify(instance.spec, master_password=instance.master_password)


def test_dynamic_parameter(instance: Instance, modified: Callable[..., None]) -> None:
    with instance.master() as before:
        for kilobytes in range(5000, 5010):
            modified(parameters={**instance.spec.parameters, "work_mem": str(kilobytes)})

            with instance.master() as connection:
                assert value(connection, "SHOW work_mem") == f"{kilobytes}kB"
        assert value(before, "SELECT 1") == 1
    assert instance.plane.pending_restart(instance.spec.identifier) == ()


def test_static_parameter_waits_for_a_restart(
    instance: Instance, modified: Callable[..., None]
) -> None:
    modified(parameters={**instance.spec.parameters, "max_connections": "77"})

    assert instance.plane.pending_restart(instance.spec.identifier) == ("max_connections",)
    with instance.master() as connection:
        assert value(connection, "SHOW max_connections") == "300"

        instance.plane.restart(instance.spec.identifier)

        with pytest.raises(errors.AdminShutdown):
            connection.execute("SELECT 1")
    assert instance.plane.pending_restart(instance.spec.identifier) == ()
    with instance.master() as connection:
        assert value(connection, "SHOW max_connections") == "77"


def test_value_that_postgresql_does_not_take(
    instance: Instance, modified: Callable[..., None]
) -> None:
    with pytest.raises(
        InstanceError,
        match=r"does not take the parameter group of changing-\d+: "
        r'invalid value for parameter "work_mem": "much"',
    ):
        modified(parameters={**instance.spec.parameters, "work_mem": "much"})

    with instance.master() as connection:
        assert value(connection, "SHOW work_mem") == "4MB"


def test_plaintext_where_tls_is_not_forced(
    instance: Instance, modified: Callable[..., None]
) -> None:
    user = instance.login(password="correct-horse")
    iam_user, key = instance.iam_login()
    modified(parameters={**instance.spec.parameters, "rds.force_ssl": "0"})

    instance.connect(user, "correct-horse", sslmode="disable").close()
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection for"):
        instance.connect(iam_user, instance.token(key, iam_user), sslmode="disable")

    assert instance.line(event="in", user=user)["tls"] is None
    reason = instance.line(event="refused", user=iam_user)["reason"]
    assert reason == "IAM database authentication needs TLS"


def test_iam_authentication_switched_off(instance: Instance, modified: Callable[..., None]) -> None:
    """Members of rds_iam then use passwords; a token is a wrong one."""
    user, key = instance.iam_login()
    instance.run(f"ALTER ROLE {user} PASSWORD 'correct-horse'")
    modified(iam_enabled=False)

    instance.connect(user, "correct-horse").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed for user"):
        instance.connect(user, instance.token(key, user))

    reason = instance.line(event="refused", user=user)["reason"]
    assert reason == "IAM database authentication is not enabled on this instance"


def test_another_port(
    instance: Instance, modified: Callable[..., None], free_port: Callable[[], int]
) -> None:
    port = free_port()
    with instance.master() as session:
        modified(port=port)

        assert value(session, "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        instance.master()
    moved = dataclasses.replace(instance, spec=dataclasses.replace(instance.spec, port=port))
    user, key = moved.iam_login()
    moved.connect(user, moved.token(key, user)).close()


@pytest.mark.parametrize(("field", "other"), [("major", 17), ("master_username", "somebody")])
def test_what_cannot_change(instance: Instance, field: str, other: object) -> None:
    with pytest.raises(InstanceError, match=rf"^{field} of the instance .* cannot become {other}"):
        instance.plane.modify(dataclasses.replace(instance.spec, **{field: other}))  # type: ignore[arg-type]  # either


def test_stop_and_start(instance: Instance) -> None:
    identifier = instance.spec.identifier
    with instance.master() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process = instance.postmaster()

        instance.plane.stop(identifier)

        assert not lives(process)
        with pytest.raises(errors.AdminShutdown):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        instance.master()
    instance.plane.stop(identifier)  # once more changes nothing
    instance.plane.start(instance.spec)
    with instance.master() as connection:
        assert value(connection, "SELECT answer FROM kept") == 42
        connection.execute("DROP TABLE kept")


def test_started_twice(instance: Instance) -> None:
    with pytest.raises(InstanceError, match="runs already"):
        instance.plane.start(instance.spec)

    instance.master().close()
