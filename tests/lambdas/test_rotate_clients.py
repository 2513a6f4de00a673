"""What clients of the secret live through; each test bears its fault's number."""

from __future__ import annotations

import json
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg2
import pytest
import sqlalchemy

from lambdas.rotate_postgres import handler
from lambdas.rotate_postgres.credential import Credential
from lambdas.rotate_postgres.settings import Rotation
from lambdas.shared import aws, database
from lambdas.shared.errors import (
    ConfigurationError,
    NotProvenError,
    RotationError,
    TemporaryError,
    UnreachableError,
)
from tests.lambdas.operations import Faulty, aws_error
from tests.lambdas.rotating_pair import A_DAY, STEPS

if TYPE_CHECKING:
    from tests.lambdas.rotating_pair import RotatingPair
    from tests.lambdas.rotating_server import RotatingServer

pytest_plugins = ["tests.lambdas.rotation_fixtures"]

# All that can be printed, in two halves: the second begins with what URLs and INI files misread.
SPECIAL = string.punctuation + " %41%s${x}%%"
AIRFLOW = ("conn_type", "login", "password", "host", "port", "schema", "extra")


def _value(pair: RotatingPair) -> dict[str, Any]:
    version = pair.secret.versions[pair.labels["AWSCURRENT"]]
    value: dict[str, Any] = json.loads(version["secret_string"])
    return value


def test_value_is_what_each_client_looks_for(pair: RotatingPair) -> None:
    value, rotation = _value(pair), pair.rotation
    login, password = rotation.logins[0], value["password"]
    assert value == {
        "engine": "postgres",
        "host": "127.0.0.1",
        "port": rotation.port,
        "username": login,
        "password": password,
        "dbname": "application",
        "uri": f"postgresql://{login}:{password}@127.0.0.1:{rotation.port}/application"
        "?sslmode=verify-full",
        "conn_type": "postgres",
        "login": login,
        "schema": "application",
        "extra": {"sslmode": "verify-full", "sqlalchemy_query": {"sslmode": "verify-full"}},
    }
    assert len(password) == 32
    assert password.isalnum()


def test_f22_f23_any_password_opens_for_every_client(pair: RotatingPair) -> None:
    """Put as a pending value, as nobody but the function makes passwords."""
    ca = str(pair.server.certificates)
    for turn, password in enumerate((SPECIAL, f" {SPECIAL[::-1]} ", "100%25" * 3, "a@b/c:d?e#f")):
        token = pair.begin()
        username = pair.rotation.other(pair.credential().username)
        text = Credential(username=username, password=password).text(pair.rotation)
        pair.store.put_secret_value(pair.rotation.secret, text, "", token, ["AWSPENDING"])
        assert pair.rotate(token), turn
        value = _value(pair)
        pair.assert_works()
        psycopg.connect(value["uri"], sslrootcert=ca).close()
        psycopg2.connect(value["uri"], sslrootcert=ca).close()
        url = value["uri"].replace("postgresql://", "postgresql+psycopg://")
        engine = sqlalchemy.create_engine(url, connect_args={"sslrootcert": ca})
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT session_user")) == username
        engine.dispose()


def test_f28_f29_stale_clients(pair: RotatingPair) -> None:
    """One rotation behind gets in; two behind is refused, and must have read the secret again."""
    stale = pair.credential()
    pair.rotate()
    pair.assert_works(stale)
    pair.rotate()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        pair.open(stale)
    pair.assert_works()


def test_f30_storm_of_clients_leaves_room(pair: RotatingPair) -> None:
    """Two hundred at once, of whom the login's limit lets five in; the rotation goes on."""

    def attempt(_: int) -> Any:  # noqa: ANN401 - a connection or nothing
        try:
            return pair.open()
        except psycopg.OperationalError as error:
            return "too many connections for role" in str(error)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(attempt, range(200)))
    held = [one for one in answers if not isinstance(one, bool)]
    assert len(held) == pair.rotation.connection_limit
    assert all(answers)
    assert pair.take("check", seconds=5.3) == "at its connection limit"
    pair.rotate()
    for connection in held:
        connection.execute("SELECT 1")
        connection.close()
    pair.assert_works()


def test_f31_sessions_outlive_rotations_and_may_be_in_the_way(pair: RotatingPair) -> None:
    """Old sessions go on. Those of two rotations ago keep the login's places until they end."""
    held = [pair.open() for _ in range(5)]
    for connection in held:
        connection.execute("SELECT 1")
    pair.rotate()
    token = pair.begin()
    pair.rotate(token, STEPS[:2])
    with pytest.raises(Exception, match="too many connections for role"):
        pair.take("testSecret", token, seconds=5.3)
    for connection in held:
        connection.execute("SELECT 1")
    held.pop().close()
    pair.rotate(token)
    pair.assert_works()
    for connection in held:
        connection.close()


def test_f32_each_login_has_a_token_of_its_own(
    pair: RotatingPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[str] = []
    made = aws.database_token

    def token_of(*arguments: Any, **more: Any) -> str:  # noqa: ANN401 - handed on
        tokens.append(made(*arguments, **more))
        return tokens[-1]

    def lose() -> None:
        raise UnreachableError("The connection was lost.")

    monkeypatch.setattr(handler, "database_token", token_of)
    token = pair.begin()
    pair.take("createSecret", token)
    pair.take("setSecret", token, operations=Faulty("sql:COMMIT", before=lose))
    assert len(tokens) == 2


def test_f39_the_previous_version_works_until_the_next_rotation(pair: RotatingPair) -> None:
    before = pair.credential()
    pair.rotate()
    labels = pair.labels
    pair.store.update_secret_version_stage(
        pair.rotation.secret, "AWSCURRENT", labels["AWSCURRENT"], labels["AWSPREVIOUS"]
    )
    pair.store.detach_pending(pair.secret)
    assert pair.credential() == before
    pair.assert_works()
    assert pair.take("check") == "works"
    pair.rotate()
    pair.assert_works()
    pair.assert_works(before)


def test_reader_has_no_more_than_its_roles(server: RotatingServer) -> None:
    pair = server.pair(writes=False)
    pair.take("first")
    pair.rotate()
    pair.assert_works()
    with pair.open() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE dev_billing_v1.made (n integer)")


def test_first_value_is_put_once(pair: RotatingPair) -> None:
    before = pair.credential()
    assert pair.take("first") == "kept"
    pair.rotate()
    assert pair.take("first") == "kept"
    assert pair.credential("AWSPREVIOUS") == before


def test_first_value_whose_answer_is_lost(server: RotatingServer) -> None:
    pair = server.pair()
    lost = Faulty("aws:put", after=aws_error("InternalServiceError", 500))
    assert pair.take("first", operations=lost) == "kept"
    pair.assert_works()


def test_check_tells_what_is_too_old_and_what_is_missing(server: RotatingServer) -> None:
    pair = server.pair()
    with pytest.raises(RotationError, match="has no current value: run `pulumi up`"):
        pair.take("check")
    pair.take("first")
    now = datetime.now(UTC)
    assert pair.take("check", now=now + 7.9 * A_DAY) == "works"
    with pytest.raises(RotationError, match="is 8 days old and is to be rotated every 7"):
        pair.take("check", now=now + 8.1 * A_DAY)


@pytest.mark.parametrize(
    "options", ["ADMIN OPTION", "ADMIN TRUE, INHERIT FALSE, SET FALSE"], ids=["default", "least"]
)
def test_what_the_rotator_needs(pair: RotatingPair, options: str) -> None:
    """ADMIN on the pair, and CREATEROLE; no more, and with less it changes nothing."""
    names = {"rotator": pair.rotation.rotator}
    for login in pair.rotation.logins:
        for sql in (
            "REVOKE {login} FROM {rotator}",
            f"GRANT {{login}} TO {{rotator}} WITH {options}",
        ):
            pair.server.execute(sql, role="provisioner", login=login, **names)
    pair.rotate()
    pair.server.execute("ALTER ROLE {rotator} NOCREATEROLE", role="provisioner", **names)
    with pytest.raises(Exception, match="permission denied to alter role"):
        pair.rotate()
    pair.assert_works()


@pytest.mark.parametrize("other", ["dbmaster", "provisioner", "dev_billing_owner"])
def test_rotator_changes_nobody_else(pair: RotatingPair, other: str) -> None:
    changed = replace(pair.rotation, logins=(pair.rotation.logins[0], other))
    with pytest.raises(NotProvenError, match=f"no ADMIN option on {other}"):
        pair.take("setSecret", _pending(pair, other, changed), rotation=changed)
    pair.assert_works()


def _pending(pair: RotatingPair, login: str, rotation: Rotation) -> str:
    token = pair.begin()
    text = Credential.fresh(login).text(rotation)
    pair.store.put_secret_value(pair.rotation.secret, text, "", token, ["AWSPENDING"])
    return token


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
def test_f34_a_failing_statement_shows_no_key_material(
    pair: RotatingPair, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All statements of the database are logged; the server gives up while it waits for a row.

    See `test_rotate_logs` for the statement that holds the verifier.
    """
    monkeypatch.setitem(database._SERVER_LIMITS, limit, "300ms")
    token = pair.begin()
    pair.take("createSecret", token)
    login = pair.credential("AWSPENDING").username
    log = pair.server.server_logs[0]
    mark = log.stat().st_size
    with psycopg.connect(
        host=str(pair.server.sockets), port=5432, user="rdsadmin", dbname="application"
    ) as superuser:
        superuser.execute("SELECT FROM pg_authid WHERE rolname = %s FOR UPDATE", [login])
        with pytest.raises(TemporaryError):
            pair.take("setSecret", token, seconds=5.8)
    said = log.read_text(errors="replace")[mark:]
    assert f"canceling statement due to {limit.replace('_', ' ')}" in said
    pair.assert_no_secret(said)
    monkeypatch.undo()
    pair.rotate(token)
    pair.assert_works()


def test_configuration_that_is_not_one() -> None:
    for text in (None, "", "[]"):
        with pytest.raises(ConfigurationError, match="ROTATION is not a JSON object: run `pulumi"):
            Rotation.parse(text)
