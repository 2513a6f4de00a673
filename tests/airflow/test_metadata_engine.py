"""Engines for the metadata database against real PostgreSQL behind real token checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from local.account import service
from local.account.tls import CertificateAuthority
from local.paths import Paths
from tests.airflow.metadata_fixtures import Metadata, make_metadata
from tests.local.account_fixtures import LocalAccount, document

pytest_plugins = ["tests.local.account_fixtures", "tests.airflow.metadata_fixtures"]

TOKEN_SECONDS = 3
POOL = {"pool_size": 5, "max_overflow": 10, "pool_pre_ping": True, "pool_recycle": 1}


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metadata]:
    """Make a metadata database in an account where a token lives three seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_TOKEN_SECONDS", str(TOKEN_SECONDS))
        account = LocalAccount(Paths(tmp_path_factory.mktemp("short")))
        account.start()
    try:
        yield make_metadata(account, 15432, tmp_path_factory.mktemp("airflow"))
    finally:
        service.stop(account.paths)


@pytest.fixture
def engines(
    short_lived: Metadata,
    load: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModuleType]:
    """The module as a process of the scheduler imports it."""
    for name, value in short_lived.environment("scheduler").items():
        monkeypatch.setenv(name, value)
    # As much of a token's life as is used elsewhere, or more.
    monkeypatch.setenv("METADATA_TOKEN_REUSE_SECONDS", "1")
    yield load("metadata_engine")
    (short_lived.folder / "database-away").unlink(missing_ok=True)


def _who(engine: Any) -> object:  # noqa: ANN401 - an Engine
    with engine.connect() as connection:
        return connection.execute(text("SELECT session_user")).scalar()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_every_new_connection_has_a_token_that_still_lives(
    engines: ModuleType, short_lived: Metadata, driver: str
) -> None:
    engine = engines.create_metadata_engine(
        short_lived.url("scheduler", driver), engine_args=POOL, connect_args={}
    )
    refused, logins = len(short_lived.refusals()), short_lived.logins()
    end = time.monotonic() + 2 * TOKEN_SECONDS
    while time.monotonic() < end:
        assert _who(engine) == "airflow_test_scheduler"
        time.sleep(0.5)
    engine.dispose()
    assert short_lived.refusals()[refused:] == []
    assert short_lived.logins() - logins > 3
    assert not (short_lived.folder / "database-away").exists()


def test_the_asynchronous_engine_too(engines: ModuleType, short_lived: Metadata) -> None:
    engine = engines.create_async_metadata_engine(
        short_lived.url("scheduler", "psycopg_async"), connect_args={}, engine_args=POOL
    )
    refused = len(short_lived.refusals())

    async def ask(*, times: int) -> list[object]:
        async def one() -> object:
            async with engine.connect() as connection:
                return (await connection.execute(text("SELECT session_user"))).scalar()

        answers: list[object] = []
        for _ in range(times):
            answers += await asyncio.gather(*(one() for _ in range(6)))
            await asyncio.sleep(1.1)
        size = engine.pool.size() + engine.pool._max_overflow
        await engine.dispose()
        return [*answers, size]

    *answers, size = asyncio.run(ask(times=4))
    assert answers == ["airflow_test_scheduler"] * 24
    assert size == engines.ASYNC_POOL_SIZE
    assert short_lived.refusals()[refused:] == []


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_token_that_got_too_old_is_replaced_at_the_second_try(
    engines: ModuleType, short_lived: Metadata, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = engines.TokenCache(reuse_seconds=3600)
    monkeypatch.setattr(engines, "_tokens", tokens)
    refused = len(short_lived.refusals())
    endpoint = short_lived.account.wait(short_lived.identifier)["Endpoint"]
    tokens.token(endpoint["Address"], endpoint["Port"], "airflow_test_scheduler")
    time.sleep(TOKEN_SECONDS + 1)
    if kind == "sync":
        engine = engines.create_metadata_engine(
            short_lived.url("scheduler"), engine_args=POOL, connect_args={}
        )
        assert _who(engine) == "airflow_test_scheduler"
        engine.dispose()
    else:

        async def ask() -> object:
            engine = engines.create_async_metadata_engine(
                short_lived.url("scheduler", "psycopg_async"), connect_args={}, engine_args=POOL
            )
            async with engine.connect() as connection:
                answer = (await connection.execute(text("SELECT session_user"))).scalar()
            await engine.dispose()
            return answer

        assert asyncio.run(ask()) == "airflow_test_scheduler"
    assert len(short_lived.refusals()) - refused == 1
    assert not (short_lived.folder / "database-away").exists()


def test_a_login_that_is_not_allowed_ends_after_few_tries(
    engines: ModuleType, short_lived: Metadata
) -> None:
    """With all its patience left: more tries would not help, and somebody should see it."""
    iam, role = short_lived.account.client("iam"), short_lived.roles["scheduler"]
    name = role.rpartition("/")[2]
    refused = len(short_lived.refusals())
    iam.put_role_policy(
        RoleName=name,
        PolicyName="stop",
        PolicyDocument=document({"Effect": "Deny", "Action": "rds-db:*", "Resource": "*"}),
    )
    engine = engines.create_metadata_engine(
        short_lived.url("scheduler"), engine_args=POOL, connect_args={}
    )
    began = time.monotonic()
    try:
        with pytest.raises(OperationalError, match="authentication failed"):
            _who(engine)
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="stop")
    assert time.monotonic() - began < 10
    assert short_lived.refusals()[refused:] == [f"explicit deny in policy stop of role {name}"] * 3
    assert (short_lived.folder / "database-away").exists()
    assert _who(engine) == "airflow_test_scheduler"


def test_a_server_that_is_away_is_a_pause(
    engines: ModuleType, short_lived: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines.create_metadata_engine(
        short_lived.url("scheduler"), engine_args=POOL, connect_args={}
    )
    _who(engine)
    rds = short_lived.account.client("rds")
    rds.reboot_db_instance(DBInstanceIdentifier=short_lived.identifier)
    # Not sooner: a statement that is cut off by the reboot is not begun again.
    short_lived.account.wait(short_lived.identifier)
    assert _who(engine) == "airflow_test_scheduler"
    rds.stop_db_instance(DBInstanceIdentifier=short_lived.identifier)
    short_lived.account.wait(short_lived.identifier, "stopped")
    try:
        monkeypatch.setenv("METADATA_PATIENCE_SECONDS", "2")
        began = time.monotonic()
        with pytest.raises(OperationalError):
            _who(engine)
        assert 0.4 < time.monotonic() - began < 8
        assert (short_lived.folder / "database-away").exists()
    finally:
        rds.start_db_instance(DBInstanceIdentifier=short_lived.identifier)
    monkeypatch.setenv("METADATA_PATIENCE_SECONDS", "60")
    assert _who(engine) == "airflow_test_scheduler"
    assert not (short_lived.folder / "database-away").exists()


def test_an_sts_that_is_away_is_as_a_server_that_is(
    engines: ModuleType, short_lived: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's components get over that, and would not get over botocore's own errors."""
    url = short_lived.url("scheduler")
    monkeypatch.setenv("METADATA_PATIENCE_SECONDS", "1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    engine = engines.create_metadata_engine(url, engine_args=POOL, connect_args={})
    with pytest.raises(OperationalError, match="no token for airflow_test_scheduler: "):
        _who(engine)


@pytest.mark.parametrize("query", ["", "sslmode=require", "sslmode=verify-ca", "ssl=verify-full"])
@pytest.mark.parametrize("create", ["create_metadata_engine", "create_async_metadata_engine"])
def test_only_with_a_verified_server(
    engines: ModuleType, short_lived: Metadata, create: str, query: str
) -> None:
    driver = "psycopg_async" if "async" in create else "psycopg"
    function: Callable[..., object] = getattr(engines, create)
    with pytest.raises(engines.MetadataEngineError, match="only verify-full is allowed"):
        function(short_lived.url("scheduler", driver, query), engine_args=POOL, connect_args={})


def test_connect_arguments_do_not_undo_it(engines: ModuleType, short_lived: Metadata) -> None:
    with pytest.raises(engines.MetadataEngineError, match="has sslmode 'disable'"):
        engines.create_metadata_engine(
            short_lived.url("scheduler"), engine_args=POOL, connect_args={"sslmode": "disable"}
        )


def test_another_authority_is_not_believed(
    engines: ModuleType, short_lived: Metadata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is not tried again: the certificate stays what it is."""
    other = CertificateAuthority.open(tmp_path / "other").certificate_file
    monkeypatch.setenv("PGSSLROOTCERT", str(other))
    engine = engines.create_metadata_engine(
        short_lived.url("scheduler"), engine_args=POOL, connect_args={}
    )
    began = time.monotonic()
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _who(engine)
    assert time.monotonic() - began < engines.PATIENCE_SECONDS / 3


def test_what_a_task_asks_for_is_an_ordinary_engine(engines: ModuleType, tmp_path: Path) -> None:
    engine = engines.create_metadata_engine(
        f"sqlite:///{tmp_path}/none.db", engine_args={}, connect_args={}
    )
    assert engine.url.get_backend_name() == "sqlite"
    assert not (tmp_path / "none.db").exists()
