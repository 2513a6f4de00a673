"""Every login that the settings declare gets in with its own role's token, from every client."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import psycopg2
import pytest
import sqlalchemy
import yaml

from tests.environment.checkout import APPLICATION, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.login import Access, Instance
    from tests.environment.checkout import Checkout
    from tests.environment.visits import Visits

QUESTION = "SELECT session_user"


def by_psycopg(at: Instance, user: str, token: str, ca: Path) -> str:
    with psycopg.connect(
        host=at.host,
        port=at.port,
        user=user,
        password=token,
        dbname=at.default_database,
        sslmode="verify-full",
        sslrootcert=str(ca),
    ) as connection:
        (answer,) = connection.execute(QUESTION).fetchone() or [""]
    return str(answer)


def by_psycopg2(at: Instance, user: str, token: str, ca: Path) -> str:
    connection = psycopg2.connect(
        host=at.host,
        port=at.port,
        user=user,
        password=token,
        dbname=at.default_database,
        sslmode="verify-full",
        sslrootcert=str(ca),
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(QUESTION)
        (answer,) = cursor.fetchone()
    connection.close()
    return str(answer)


def by_asyncpg(at: Instance, user: str, token: str, ca: Path) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(
            host=at.host,
            port=at.port,
            user=user,
            password=token,
            database=at.default_database,
            ssl=ssl.create_default_context(cafile=str(ca)),
        )
        answer = await connection.fetchval(QUESTION)
        await connection.close()
        return str(answer)

    return asyncio.run(ask())


def by_sqlalchemy(at: Instance, user: str, token: str, ca: Path) -> str:
    """The token comes at the moment of connecting, as it has to in a pool that lives longer."""
    engine = sqlalchemy.create_engine(
        f"postgresql+psycopg://{user}@{at.host}:{at.port}/{at.default_database}",
        connect_args={"sslmode": "verify-full", "sslrootcert": str(ca)},
    )
    sqlalchemy.event.listen(
        engine, "do_connect", lambda _dialect, _record, _args, given: given.update(password=token)
    )
    with engine.connect() as connection:
        answer = connection.execute(sqlalchemy.text(QUESTION)).scalar()
    engine.dispose()
    return str(answer)


def by_psql(at: Instance, user: str, token: str, ca: Path) -> str:
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("no psql on the PATH")
    place = f"host={at.host} port={at.port} dbname={at.default_database} user={user}"
    ended = subprocess.run(
        [psql, "-XAtw", "-c", QUESTION, f"{place} sslmode=verify-full sslrootcert={ca}"],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": token},
        capture_output=True,
        text=True,
        check=False,
    )
    if "SSL support is not compiled in" in ended.stderr:
        pytest.skip(f"{psql} is built without SSL")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def declared_logins(environment: Checkout) -> dict[str, str]:
    """Each login that the stack's file declares, with the name of the IAM role it is for."""
    config = yaml.safe_load(environment.stack_text)["config"]
    return {
        f"local_{one['name'].replace('-', '_')}": f"airflow-local-{kind}-{one['name']}"
        for key, kind in (("workflows", "workflow"), ("people", "person"), ("agents", "agent"))
        for one in config[NAMESPACE + key]
    }


@pytest.mark.parametrize("client", [by_psycopg, by_psycopg2, by_asyncpg, by_sqlalchemy, by_psql])
def test_every_declared_login_gets_in(
    client: Callable[[Instance, str, str, Path], str],
    environment: Checkout,
    access: Access,
    visits: Visits,
) -> None:
    declared = declared_logins(environment)
    application = access.instance("application")
    logins = access.logins()
    assert [login.user for login in logins] == list(declared)

    for login in logins:
        user, password = access.credential(login, application)
        assert client(application, user, password, environment.paths.ca_bundle) == user

        line = visits.only(event="in", user=user)
        assert line["instance"] == APPLICATION
        assert line["tls"] in {"TLSv1.2", "TLSv1.3"}
        if login.secret:
            assert user in {f"{login.user}_a", f"{login.user}_b"}
            assert line["method"] == "scram"
            continue
        assert user == login.user
        assert line["method"] == "iam"
        role = declared[login.user]
        assert line["identity"].startswith(f"arn:aws:sts::123456789012:assumed-role/{role}/")
    assert visits.all(event="refused") == []
