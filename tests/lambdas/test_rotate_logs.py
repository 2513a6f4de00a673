"""Nothing of a password is in a log, however much the server and the function are told to log.

Searched are the server's log, its endpoint's, and the function's log, answers and errors, for all
passwords that were ever made and all that was made of them: a verifier is not for a log either.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from lambdas.rotate_postgres import roles
from lambdas.rotate_postgres.credential import Credential
from lambdas.shared import database, retry
from lambdas.shared.errors import FunctionError, NotProvenError, StatementError, TemporaryError
from tests.lambdas.rotating_pair import STEPS
from tests.secret_forms import SHAPES, joined, text_forms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lambdas.rotating_pair import RotatingPair
    from tests.lambdas.rotating_server import RotatingServer

pytest_plugins = ["tests.lambdas.rotation_fixtures"]

EVERYTHING = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_duration": "on",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_min_messages": "debug5",
    "log_min_error_statement": "debug5",
    "log_error_verbosity": "verbose",
    "log_lock_waits": "on",
    "deadlock_timeout": "10ms",  # from when on a wait is logged
    "log_planner_stats": "on",
    "log_executor_stats": "on",
    "debug_print_parse": "on",
    "debug_print_rewritten": "on",
    "debug_print_plan": "on",
    "debug_pretty_print": "off",  # longer lines, with all of a value in one
}


@dataclass
class Watched:
    """A pair whose passwords and verifiers are all known, and all that was logged since."""

    pair: RotatingPair
    caplog: pytest.LogCaptureFixture
    capfd: pytest.CaptureFixture[str]
    forms: dict[str, frozenset[bytes]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Answers and errors."""

    def __post_init__(self) -> None:
        self._marks = {path: path.stat().st_size for path in self.pair.server.server_logs}

    def know(self, value: str, *more: str) -> None:
        """Search for a secret in all its forms, and for what was made of it."""
        decimal = " ".join(map(str, value.encode())).encode()  # as constants in a printed plan
        one = joined(map(text_forms, (value, *more)))
        self.forms[f"value {len(self.forms)}"] = one | {decimal}

    def take(self, step: str, token: str = "", **given: Any) -> None:  # noqa: ANN401 - handed on
        """Take a step; an error is raised on."""
        try:
            self.told.append(self.pair.take(step, token, **given))
        except FunctionError as error:
            self.told.append("".join(traceback.format_exception(error)) + repr(error))
            raise

    def rotate(self, token: str | None = None) -> None:
        """Take all four steps."""
        token = token or self.pair.begin()
        for step in STEPS:
            self.take(step, token)

    def server_log(self) -> bytes:
        """What the server itself has logged."""
        log = self.pair.server.server_logs[0]
        return log.read_bytes()[self._marks[log] :]

    def found(self) -> list[str]:
        """The names of what is in any log."""
        captured = self.capfd.readouterr()
        texts = [path.read_bytes()[mark:] for path, mark in self._marks.items()]
        said = (*self.told, self.caplog.text, captured.out, captured.err)
        everything = b"\n".join([*texts, *map(str.encode, said)])
        assert b'"event": "finished"' in everything
        names = [name for name, forms in self.forms.items() if any(f in everything for f in forms)]
        return [*names, *(name for name, shape in SHAPES.items() if shape.search(everything))]


@pytest.fixture
def loud(server: RotatingServer) -> Iterator[RotatingServer]:
    """The server, which logs all it can."""
    before = server.execute(
        "SELECT split_part(one, '=', 1), split_part(one, '=', 2)"
        " FROM pg_db_role_setting, unnest(setconfig) AS one WHERE setrole = 0"
    )
    for name, value in EVERYTHING.items():
        server.execute(f"ALTER DATABASE application SET {name} = '{value}'")
    yield server
    server.execute("ALTER DATABASE application RESET ALL")
    for name, value in before:
        server.execute(f"ALTER DATABASE application SET {name} = '{value}'")


@pytest.fixture
def watched(
    loud: RotatingServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Watched:
    """A pair with a first value, on that server; what the function makes is written down."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.02)
    for name in ("", "pg8000", "scramp"):
        caplog.set_level(logging.DEBUG, logger=name)
    made = Watched(loud.pair(), caplog, capfd)
    verifier = Credential.verifier

    def remember(credential: Credential) -> str:
        password, text = credential.password, verifier(credential)
        parts = text.replace("$", ":").split(":")[2:]
        md5 = (hashlib.md5(given.encode()).hexdigest() for given in  # noqa: S324 - PostgreSQL's own
               (password, password + credential.username))  # fmt: skip
        made.know(password, *md5, text, *parts)
        return text

    monkeypatch.setattr(Credential, "verifier", remember)
    made.take("first")
    return made


def test_rotations_that_nothing_disturbs(watched: Watched) -> None:
    watched.rotate()
    watched.rotate()
    watched.take("check")
    said = watched.server_log()
    for shown in (b"ALTER ROLE %I PASSWORD %L", b"LOG:  00000: duration:", b"EXECUTOR STATISTICS",
                  b"DEBUG:  00000", b"LOG:  00000: plan:"):  # fmt: skip
        assert shown in said
    assert len(watched.forms) == 3
    assert watched.found() == []


def test_search_finds_what_a_plain_statement_shows(watched: Watched) -> None:
    """A verifier in a statement, as others do it: it is in the log, and more than once."""
    login = watched.pair.rotation.logins[1]
    credential = Credential.fresh(login)
    text = credential.verifier()
    watched.pair.server.execute(f"ALTER ROLE {{login}} PASSWORD '{text}'", login=login)
    assert watched.server_log().count(text.encode()) > 1
    assert watched.found() == ["value 1", "password verifier"]


def test_refused_logins(watched: Watched) -> None:
    pair = watched.pair
    known = pair.credential()
    token = pair.begin()
    watched.take("createSecret", token)
    with pytest.raises(NotProvenError, match="does not get in"):
        watched.take("finishSecret", token)
    watched.know(pair.credential("AWSPENDING").password)
    with pair.server.let_in_on_socket():
        for tried in ("of-somebody-else", known.password[:-1], known.password):
            _log_in_on_socket(pair, Credential(username=known.username, password=tried))
    pair.server.execute(
        "ALTER ROLE {login} PASSWORD NULL", role="provisioner", login=known.username
    )
    with pytest.raises(NotProvenError, match="does not get in"):
        watched.take("check")
    watched.rotate(token)
    assert b"password authentication failed" in watched.server_log()
    assert watched.found() == []


def _log_in_on_socket(pair: RotatingPair, credential: Credential) -> None:
    """Have the server itself look at a password; who comes in runs a statement that fails."""
    try:
        connection = psycopg.connect(
            host=str(pair.server.sockets),
            port=5432,
            dbname="application",
            user=credential.username,
            password=credential.password,
        )
    except psycopg.OperationalError:
        return
    with closing(connection), pytest.raises(psycopg.errors.SyntaxError):
        connection.execute("SELECT 1 FRO nothing")


def test_set_that_has_to_wait(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server logs what waits for longer than a moment, and gives up on it."""
    monkeypatch.setitem(database._SERVER_LIMITS, "lock_timeout", "300ms")
    token = watched.pair.begin()
    watched.take("createSecret", token)
    login = watched.pair.credential("AWSPENDING").username
    with _held(watched.pair, login), pytest.raises(TemporaryError):
        watched.take("setSecret", token, seconds=5.8)
    said = watched.server_log()
    assert b"still waiting for ShareLock" in said
    assert b"canceling statement due to lock timeout" in said
    monkeypatch.undo()
    watched.rotate(token)
    assert watched.found() == []


@pytest.mark.parametrize(
    ("form", "limit", "error", "sentence"),
    [
        ("PASSWORD %L", "lock_timeout", TemporaryError, "due to lock timeout"),
        ("PASSWORD %L", "statement_timeout", TemporaryError, "due to statement timeout"),
        ("SET role FROM PASSWORD %L", "lock_timeout", StatementError, "syntax error at or near"),
    ],
    ids=["F34_lock", "F34_canceled", "F34_syntax"],
)
def test_failure_of_the_statement_that_holds_the_verifier(
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    limit: str,
    error: type[FunctionError],
    sentence: str,
) -> None:
    """By itself it waits for nobody: here nothing has altered the login before it."""
    pair = watched.pair
    monkeypatch.setitem(database._SERVER_LIMITS, limit, "300ms")
    statement = roles._SET_PASSWORD.replace("PASSWORD %L", form)
    monkeypatch.setattr(roles, "_SET_PASSWORD", statement)
    monkeypatch.setattr(roles, "_make_as_declared", lambda *_: None)
    pair.server.execute("ALTER DATABASE application SET log_lock_waits = off")
    token = pair.begin()
    watched.take("createSecret", token)
    login = pair.credential("AWSPENDING").username
    with _held(pair, login), pytest.raises(error):
        watched.take("setSecret", token, seconds=5.8)
    assert sentence.encode() in watched.server_log()
    assert watched.found() == []


def _held(pair: RotatingPair, login: str) -> psycopg.Connection[Any]:
    """A session of a superuser that keeps others from altering a login."""
    superuser = psycopg.connect(
        host=str(pair.server.sockets), port=5432, user="rdsadmin", dbname="application"
    )
    superuser.execute("SELECT FROM pg_authid WHERE rolname = %s FOR UPDATE", [login])
    return superuser


def test_setting_that_would_show_the_verifier(watched: Watched) -> None:
    """Nobody but a superuser can turn it off, so that nothing is changed while it is on."""
    watched.pair.server.execute("ALTER DATABASE application SET log_parser_stats = on")
    token = watched.pair.begin()
    watched.take("createSecret", token)
    with pytest.raises(NotProvenError, match=r"log_parser_stats is on.*Nothing was changed: turn"):
        watched.take("setSecret", token)
    watched.pair.server.execute("ALTER DATABASE application RESET log_parser_stats")
    watched.rotate(token)
    watched.pair.assert_works()
    assert watched.found() == []
