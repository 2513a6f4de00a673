"""No secret is where somebody could find it; it stands after the tests that could leave one."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING

import pytest

from tests.environment.checkout import APPLICATION, METADATA, master_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.login import Access
    from tests.environment.checkout import Checkout

TOKENS = re.compile(rb"X-Amz-(Signature|Security-Token)(=|%3D)\w|(?<![\w+/-])gAAAAAB[\w-]{80}")
"""An IAM token, and the session token of temporary credentials, as text or in a token."""


@pytest.fixture
def passwords(access: Access) -> list[bytes]:  # noqa: ARG001 - for what it does
    """The master's password of each instance, as only an administrator of AWS can read it."""
    found = [master_secret(one)["password"].encode() for one in (APPLICATION, METADATA)]
    assert len(set(found)) == 2
    return found


@pytest.fixture
def secret_keys(environment: Checkout) -> list[bytes]:
    """The secret access keys of the account's users."""
    profiles = configparser.RawConfigParser()
    profiles.read(environment.paths.credentials)
    found = [profiles[name]["aws_secret_access_key"].encode() for name in profiles.sections()]
    assert len(found) == 4
    return found


def files(environment: Checkout, *besides: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file of the environment: checkout, home, temporary files, PostgreSQL's own."""
    for folder in (environment.base, environment.runtime_folder()):
        for path in folder.rglob("*"):
            if path.is_file() and not any(map(path.is_relative_to, besides)):
                yield path, path.read_bytes()


def holders(environment: Checkout, secrets: list[bytes], *besides: Path) -> list[str]:
    """The files, outputs and processes that hold one of the secrets."""
    found = [
        str(path)
        for path, content in files(environment, *besides)
        if any(secret in content for secret in secrets)
    ]
    for run in environment.runs:
        found += [" ".join(run.arguments) for one in secrets if one in run.text.encode()]
    return found


def snapshot(environment: Checkout) -> Path:
    """The account's memory: all of AWS, secrets included."""
    return environment.paths.account / "snapshot"


def test_the_masters_password_is_in_no_file_and_no_output(
    environment: Checkout, passwords: list[bytes]
) -> None:
    """Nor in the state, a log, or PostgreSQL's own files; only where AWS keeps its secrets."""
    logs = {path.name for path, _ in files(environment) if path.suffix == ".log"}
    assert {"server.log", "account.log", f"{APPLICATION}.log", f"{METADATA}.log"} <= logs
    assert {f"airflow-local-{name}-bootstrap.log" for name in ("application", "metadata")} <= logs
    assert {run.arguments[0] for run in environment.runs} >= {"up"}

    assert holders(environment, passwords, snapshot(environment)) == []
    assert holders(environment, passwords) != []


def test_the_masters_password_is_shown_by_no_process(
    environment: Checkout, passwords: list[bytes]
) -> None:
    """By none of the account's, and by none that any of the commands ran."""
    environment.watch()

    assert any("local.account" in text for text in environment.seen)
    assert any("function_runtime" in text for text in environment.seen)
    assert any("AWS_LAMBDA_FUNCTION_NAME=" in text for text in environment.seen)
    assert any(re.match("postgres", text) or "bin/postgres" in text for text in environment.seen)
    shown = [text for text in environment.seen for one in passwords if one.decode() in text]
    assert shown == []


def test_secret_keys_are_with_the_account_and_its_users_only(
    environment: Checkout, secret_keys: list[bytes]
) -> None:
    besides = (snapshot(environment), environment.paths.credentials)

    assert holders(environment, secret_keys, *besides) == []
    assert not any(key.decode() in text for text in environment.seen for key in secret_keys)


def test_tokens_are_kept_and_shown_nowhere(environment: Checkout, access: Access) -> None:
    """Neither those that databases are entered with nor those that they are signed with."""
    login = access.login("billing")
    assert TOKENS.search(access.token(login, access.instance("application")).encode())
    session = access.session(login).get_credentials()
    assert TOKENS.search(session.token.encode())

    kept = [
        str(path)
        for path, content in files(environment)
        # The sources may speak of them.
        if path.suffix not in {".py", ".pyc"} and TOKENS.search(content)
    ]
    said = [run.arguments for run in environment.runs if TOKENS.search(run.text.encode())]
    # A function gets its role's session in this variable, from Lambda as from this account.
    shown = [re.sub("AWS_SESSION_TOKEN=.*", "", text).encode() for text in environment.seen]
    assert (kept, said, list(filter(TOKENS.search, shown))) == ([], [], [])


def test_private_files_are_for_their_owner_alone(environment: Checkout) -> None:
    paths = environment.paths
    for path in (paths.local, paths.account, paths.endpoint_logs):
        assert path.stat().st_mode & 0o077 == 0, path
    for path in (paths.credentials, paths.state):
        assert path.stat().st_mode & 0o177 == 0, path
