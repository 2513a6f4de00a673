"""Every kind of client gets in by token and by password, over `verify-full`, on both majors."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import psycopg2
import pytest
import sqlalchemy
from psycopg.conninfo import make_conninfo
from sqlalchemy.ext.asyncio import create_async_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.instance_client import Instance
    from tests.local.known_identities import Key, KnownIdentities

PSQL = shutil.which("psql")


@pytest.fixture(params=["token", "password"])
def credentials(instance: Instance, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A login and what opens it."""
    if request.param == "token":
        name, key = instance.iam_login()
        return name, instance.token(key, name)
    password = secrets.token_urlsafe(12)
    return instance.login(password=password), password


def url(instance: Instance, driver: str, user: str, password: str) -> sqlalchemy.URL:
    return sqlalchemy.URL.create(
        f"postgresql+{driver}", user, password, instance.address, instance.spec.port, "postgres"
    )


def trust(instance: Instance) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(instance.ca))


def by_psycopg(instance: Instance, user: str, password: str) -> object:
    with instance.connect(user, password) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    return row and row[0]


def by_psycopg_async(instance: Instance, user: str, password: str) -> object:
    async def query() -> object:
        parameters = instance.parameters(user, password)
        async with await psycopg.AsyncConnection.connect(**parameters) as connection:
            row = await (await connection.execute("SELECT current_user")).fetchone()
        return row and row[0]

    return asyncio.run(query())


def by_psycopg2(instance: Instance, user: str, password: str) -> object:
    connection = psycopg2.connect(**instance.parameters(user, password))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            return cursor.fetchone()[0]
    finally:
        connection.close()


def by_asyncpg(instance: Instance, user: str, password: str) -> object:
    async def query() -> object:
        connection = await asyncpg.connect(
            host=instance.address,
            port=instance.spec.port,
            user=user,
            password=password,
            database="postgres",
            ssl=trust(instance),
        )
        try:
            return await connection.fetchval("SELECT current_user")
        finally:
            await connection.close()

    return asyncio.run(query())


def by_sqlalchemy(driver: str) -> Callable[[Instance, str, str], object]:
    def query(instance: Instance, user: str, password: str) -> object:
        engine = sqlalchemy.create_engine(
            url(instance, driver, user, password),
            connect_args={"sslmode": "verify-full", "sslrootcert": str(instance.ca)},
            poolclass=sqlalchemy.NullPool,
        )
        with engine.connect() as connection:
            return connection.scalar(sqlalchemy.text("SELECT current_user"))

    return query


def by_sqlalchemy_asyncpg(instance: Instance, user: str, password: str) -> object:
    async def query() -> object:
        engine = create_async_engine(
            url(instance, "asyncpg", user, password),
            connect_args={"ssl": trust(instance)},
            poolclass=sqlalchemy.NullPool,
        )
        async with engine.connect() as connection:
            return await connection.scalar(sqlalchemy.text("SELECT current_user"))

    return asyncio.run(query())


def by_psql(instance: Instance, user: str, password: str) -> object:
    if PSQL is None:
        pytest.skip("no psql on PATH")
    parameters = instance.parameters(user, password)
    # The password goes through the environment, as no command line may hold it.
    environment = {"PGPASSWORD": parameters.pop("password")}
    result = subprocess.run(
        [
            PSQL,
            make_conninfo("", **parameters),
            "-XAtc",
            "SELECT current_user",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or result.stderr


CLIENTS = {
    "psycopg": by_psycopg,
    "psycopg-async": by_psycopg_async,
    "psycopg2": by_psycopg2,
    "asyncpg": by_asyncpg,
    "sqlalchemy-psycopg": by_sqlalchemy("psycopg"),
    "sqlalchemy-psycopg2": by_sqlalchemy("psycopg2"),
    "sqlalchemy-asyncpg": by_sqlalchemy_asyncpg,
    "psql": by_psql,
}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
def test_every_client_gets_in(
    instance: Instance,
    credentials: tuple[str, str],
    client: Callable[[Instance, str, str], object],
) -> None:
    user, password = credentials

    assert client(instance, user, password) == user

    assert instance.line(event="in", user=user)["tls"] == "TLSv1.3"
    assert instance.line(event="closed", user=user)
    assert not instance.lines(event="refused", user=user)


def test_log_says_who_came_in_as_whom(instance: Instance) -> None:
    user, key = instance.iam_login()
    instance.connect(user, instance.token(key, user)).close()

    line = instance.line(event="in", user=user)

    assert line["identity"] == key.principal
    assert line["method"] == "iam"
    assert line["instance"] == instance.spec.identifier
    assert line["database"] == "postgres"
    assert line["peer"].startswith("127.")
    assert instance.log.stat().st_mode & 0o777 == 0o600


def test_log_and_server_log_hold_no_credential(instance: Instance) -> None:
    user, key = instance.iam_login()
    token = instance.token(key, user)
    instance.connect(user, token).close()
    instance.line(event="closed", user=user)

    text = instance.log.read_text()

    assert token not in text
    assert token.rpartition("=")[2] not in text
    assert key.access_key_id not in text


def test_long_session_token(instance: Instance, identities: KnownIdentities) -> None:
    user = instance.login(iam=True)
    key: Key = identities.role("long", session_bytes=675)
    identities.say("Allow", key, instance.spec.connect_resource(user))
    token = instance.token(key, user)
    assert len(token) > 1200

    instance.connect(user, token).close()


def test_token_as_the_sdk_for_go_writes_it(instance: Instance) -> None:
    """It signs the path `/` and leaves it out of the token, and Pulumi's provider uses it."""
    user, key = instance.iam_login()
    token = instance.token(key, user).replace("/?", "?", 1)

    instance.connect(user, token).close()


def test_lasting_key_of_a_user(instance: Instance, identities: KnownIdentities) -> None:
    user = instance.login(iam=True)
    key = identities.user("person")
    identities.say("Allow", key, instance.spec.connect_resource(user))

    instance.connect(user, instance.token(key, user)).close()

    assert instance.line(event="in", user=user)["identity"].endswith(":user/person")
