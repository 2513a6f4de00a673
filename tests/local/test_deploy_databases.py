"""Databases that refuse, and databases behind a SOCKS5 proxy."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from local.deploy.socks import proxy_for
from local.deploy.testing import POSTGRESQL_HEAD, SmallProject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.deploy.report import Result

# The fixture's classes are conftest's own; tests cannot import from there.
Instance: TypeAlias = Any

# The provisioner may connect there, and may not let others.
INEFFECTIVE = """
pg.Grant("g", role="pg_monitor", database="postgres", object_type="database",
    privileges=["CONNECT"], opts=ResourceOptions(provider=server))
"""
PROXY = Path(__file__).parents[2] / "local" / "socks5.py"


@dataclass
class Server:
    """A project with a database of its own."""

    project: SmallProject
    instance: Instance
    head: str

    def up(self, text: str) -> Result:
        """Carry a program out."""
        self.project.program(text, head=self.head)
        return self.project.up()


@pytest.fixture
def server(
    instances: dict[int, Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    instance = instances[18]
    user = instance.login("LOGIN CREATEROLE CREATEDB")
    with instance.master() as connection:
        connection.execute(f"GRANT rds_iam TO {user} WITH ADMIN TRUE")
    key = instance.identities.role(user.replace("_", "-"))
    instance.identities.say("Allow", key, instance.spec.connect_resource(user))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", key.session_token)
    for name in ("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    head = POSTGRESQL_HEAD.format(
        host=instance.address,
        port=instance.spec.port,
        user=user,
        ca=instance.ca,
        prefix=f"p{secrets.token_hex(3)}",
    )
    server = Server(SmallProject(tmp_path / "project"), instance, head)
    yield server
    result = server.project.destroy()
    assert result.ok, result.messages


@pytest.fixture
def proxy() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, PROXY, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.terminate()
    process.wait()


def _address(proxy: subprocess.Popen[str]) -> str:
    assert proxy.stdout
    return proxy.stdout.readline().split()[-1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'role("rds_iam_admin", superuser=True)',
            r"Role rds_iam_admin: permission denied to create role; Only roles with the SUPERUSER",
        ),
        (
            'grant("g", "pg_monitor", "schema", ["CREATE"], "pg_catalog")',
            "Grant g: .*pg_catalog",
        ),
        (INEFFECTIVE, 'Grant g: no privileges were granted for "postgres"'),
        ('grant("g", "nobody", "database", ["CONNECT"])', 'role "nobody" does not exist'),
        ('grant("g", "public", "database", ["SELECT"])', "SELECT cannot be granted on a database"),
        ('grant("g", "public", "column", ["SELECT"])', "objectType 'column' is not supported"),
        ('grant("g", "public", "table", ["SELECT"])', "`schema` is needed when objectType is tab"),
    ],
    ids=["denied", "foreign", "ineffective", "nobody", "wrong", "column", "schemaless"],
)
def test_a_failure_is_one_sentence_with_the_servers_own_words(
    server: Server, text: str, sentence: str
) -> None:
    result = server.up(text)
    assert re.search(sentence, result.messages[0]), result.messages
    assert "Traceback" not in result.messages[0]


def test_who_is_not_let_in_is_told_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        result = server.up("")
    assert "database: connection failed: " in result.messages[0]
    assert "PAM authentication failed for user" in result.messages[0]
    assert "X-Amz-" not in str(result)


def test_the_way_through_a_proxy_keeps_name_token_and_verification(
    server: Server, proxy: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://{_address(proxy)}")
    result = server.up('role("one")')
    assert result.ok, result.messages
    proxy.terminate()
    assert proxy.stdout
    lines = proxy.stdout.read().splitlines()
    # One connection to each of the two databases that the program works in.
    assert lines == [f"connect {server.instance.address}:{server.instance.spec.port}"] * 2
    monkeypatch.delenv("ALL_PROXY")


def test_an_exception_of_the_proxy_is_dialled_directly(
    server: Server, proxy: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://{_address(proxy)}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    assert server.up("").ok
    proxy.terminate()
    assert proxy.stdout
    assert proxy.stdout.read() == ""
    assert server.project.destroy().ok


def test_a_proxy_that_is_not_there_is_named_without_its_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setenv("ALL_PROXY", "socks5://user:canary@127.0.0.1:1")
        result = server.up("")
    assert re.search(
        r"the SOCKS5 proxy 127\.0\.0\.1:1 of ALL_PROXY does not reach 127\.", result.messages[0]
    )
    assert "canary" not in str(result)


@pytest.mark.parametrize(
    ("host", "environment", "through"),
    [
        ("db.internal", {}, None),
        ("db.internal", {"ALL_PROXY": "socks5://p:1"}, "socks5://p:1"),
        ("db.internal", {"all_proxy": "socks5h://p:1"}, "socks5://p:1"),
        ("db.internal", {"ALL_PROXY": "http://p:1"}, None),
        ("db.internal", {"ALL_PROXY": "socks5://p:1", "NO_PROXY": "x,db.internal"}, None),
        ("db.internal", {"ALL_PROXY": "socks5://p:1", "no_proxy": ".internal"}, None),
        ("db.internal", {"ALL_PROXY": "socks5://p:1", "NO_PROXY": "*.internal"}, None),
        ("db.internal", {"ALL_PROXY": "socks5://p:1", "NO_PROXY": "b.internal"}, "socks5://p:1"),
        ("10.1.2.3", {"ALL_PROXY": "socks5://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("10.1.2.3", {"ALL_PROXY": "socks5://p:1", "NO_PROXY": "10.1.2.4"}, "socks5://p:1"),
        ("127.0.0.1", {"ALL_PROXY": "socks5://p:1"}, "socks5://p:1"),
    ],
)
def test_the_rules_of_the_environment(
    host: str, environment: dict[str, str], through: str | None
) -> None:
    assert proxy_for(host, environment) == through
