"""Stack files that chance has broken: settings, or sentences, and never anything else.

The committed files of all stacks are changed as people and tools break them: keys and values that
are gone, doubled, renamed or another's, texts that mean something elsewhere, files cut off. What is
accepted after all is declared, as far as time allows: then the program has to bear it as well.
SETTINGS_EXAMPLES in the environment is how many files are tried; 300 otherwise.
"""

from __future__ import annotations

import copy
import os
import re
import time
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.deploy.program import ProgramError
from stacks import platform
from stacks.budget import connection_budget
from stacks.settings import SettingsError, load_stack_file
from tests.unit.bad_settings import STACKS, TEXTS, assert_readable, unquoted

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.settings import Settings
    from tests.conftest import Record

EXAMPLES = int(os.environ.get("SETTINGS_EXAMPLES", "300"))
DECLARED = max(4, EXAMPLES // 100)
"""How many of the accepted files are declared; one takes about a second."""
LONGEST_SECONDS = 2.0
"""Of loading one file."""

NASTY = (
    "", " ", "\n", "'", '"', "\\", "\0", "\x1b[2J", "%", "%s", "{}", "{0}", "${HOME}", "`id`",
    "x'; DROP SCHEMA public CASCADE; --", '"; DROP ROLE dbmaster', "$(id)", "../../etc/passwd",
    "a" * 64, "b" * 5000, "m\N{CYRILLIC SMALL LETTER A}rketing",
    "\N{FULLWIDTH LATIN SMALL LETTER A}", "\u202eabc", "\u2028", "\x9b", "\N{PILE OF POO}", "null",
    "~", "true", "0", "-0", "1e9", "0x1f", ".nan", ".inf", "012", "!!python/object:os.system",
    "&a", "*a", "<<", "2027-02-30",
    "https://u:p4ssw0rd@example.com/x.git", "pg_x", "rds", "NaN", "secure", "::", "@",
    "arn:aws:iam::",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *NASTY, None, True, False, 0, -1, 1, 2**31, 2**63, 10**90, 0.5, -1.5, float("inf"),
    float("nan"), [], {}, [None], [[]], {"secure": "p4ssw0rd"}, {"": ""}, {"name": "x"}, ["x", "x"],
)  # fmt: skip
LINES = (
    "\t", "---\n", "...\n", "!!set ", "!!binary ", "!!timestamp ", "!!int ", "!!float ", "!!map ",
    "!!str ", "&a ", "*a ", "<<: ", "? ", "- ", ": ", "[", "]", "{", "}", '"', "'", "#",
    "%YAML 9.9\n", "| ", "> ", "|\n", "\ud800", "\r", "\x85", "\ufeff", "\0", "\x07",
    "[" * 400, "\n\n", "  ",
)  # fmt: skip

Place = tuple[str | int, ...]


def _places(value: object, at: Place = ()) -> list[Place]:
    """Where all values of a document are."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [at] * bool(at) + [each for name, one in inner for each in _places(one, (*at, name))]


def _parent(document: Any, place: Place) -> Any:  # noqa: ANN401  # any part of a document
    for part in place[:-1]:
        document = document[part]
    return document


class _Plain(yaml.SafeDumper):
    """No anchors: a value in two places is written twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


def _mutate(draw: st.DrawFn, document: Any) -> None:  # noqa: ANN401  # any part of a document
    place = draw(st.sampled_from(_places(document)))
    parent, last = _parent(document, place), place[-1]
    match draw(st.sampled_from(["delete", "double", "rename", "replace", "swap", "wrap"])):
        case "delete":
            del parent[last]
        case "double" if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[int(last)]))
        case "rename" if isinstance(parent, dict):
            name = draw(st.sampled_from(NASTY) | st.text(max_size=8))
            near = draw(st.sampled_from([str(last).lower(), f"{last}s", str(last)[1:], name]))
            parent[near] = parent.pop(last)
        case "swap":
            other = draw(st.sampled_from(_places(document)))
            theirs = _parent(document, other)
            mine, found = copy.deepcopy(parent[last]), copy.deepcopy(theirs[other[-1]])
            # One may be within the other.
            parent[last] = found
            if len(set(place[: len(other)]) ^ set(other[: len(place)])) > 0:
                theirs[other[-1]] = mine
        case "wrap":
            parent[last] = draw(st.sampled_from([[parent[last]], {"name": parent[last]}]))
        case _:
            parent[last] = draw(st.sampled_from(VALUES) | st.text(max_size=20) | st.integers())


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str]:
    """A stack and the text of its file after some changes."""
    stack = draw(st.sampled_from(STACKS))
    text = TEXTS[stack]
    if draw(st.integers(0, 3)):
        document = yaml.load(text, yaml.BaseLoader) if draw(st.booleans()) else yaml.safe_load(text)  # noqa: S506  # texts only
        for _ in range(draw(st.integers(1, 3))):
            if document and document.get("config"):
                _mutate(draw, document["config"] if draw(st.booleans()) else document)
        text = yaml.dump(document, Dumper=_Plain, allow_unicode=True, sort_keys=False)
    for _ in range(draw(st.integers(0, 2))):
        begin = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["cut", "insert", "remove", "repeat"])):
            case "cut":
                text = text[:begin]
            case "insert":
                text = (
                    text[:begin] + draw(st.sampled_from(LINES) | st.text(max_size=4)) + text[begin:]
                )
            case "remove":
                text = text[:begin] + text[begin + draw(st.integers(1, 40)) :]
            case _:
                text = text[:begin] + text[max(0, begin - 60) : begin] + text[begin:]
    return stack, text


WORDS = {*re.findall(r"[A-Za-z]+", "".join(TEXTS.values())), "login", "drop"}
"""All names of keys that there are."""


def _assert_names_its_key(problem: str, text: str) -> None:
    """The key is one of the file's, or one that the file should have; or the file has no keys."""
    if problem.startswith(("Pulumi.", "There is no")):
        return
    where = unquoted(problem).partition(" ")[0]
    plain = re.findall(r"[A-Za-z]\w*", where)
    assert all(word in text or word in WORDS for word in plain), problem
    assert where.startswith("airflow-postgres:") or "is not read by this project" in problem


def _refusal(error: SettingsError, text: str) -> None:
    assert error.problems
    for problem in error.problems:
        # A budget shows its sum below its sentence.
        assert_readable(problem.splitlines()[0])
        _assert_names_its_key(problem, text)
        assert "p4ssw0rd@" not in problem
        assert '"secure": "p4ss' not in problem


def _loaded(folder: Path, stack: str, text: str) -> Settings | None:
    """The settings, or nothing when they were refused in sentences."""
    (folder / f"Pulumi.{stack}.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    begun = time.process_time()
    try:
        loaded = load_stack_file(folder, stack)
        connection_budget(loaded)
    except SettingsError as error:
        _refusal(error, text)
        return None
    finally:
        assert time.process_time() - begun < LONGEST_SECONDS
    return loaded


@pytest.fixture(scope="module")
def accepted() -> dict[Settings, str]:
    """Settings that were accepted, once each, and their stacks."""
    return {}


@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == 300,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(example=mutated())
def test_a_broken_file_is_settings_or_sentences(
    tmp_path_factory: pytest.TempPathFactory,
    accepted: dict[Settings, str],
    example: tuple[str, str],
) -> None:
    stack, text = example
    loaded = _loaded(tmp_path_factory.getbasetemp(), stack, text)
    if loaded is not None:
        accepted.setdefault(loaded, stack)


def test_what_is_accepted_can_be_declared(
    recorded: Record, tmp_path_factory: pytest.TempPathFactory, accepted: dict[Settings, str]
) -> None:
    if not accepted:  # this test was chosen alone
        test_a_broken_file_is_settings_or_sentences(
            tmp_path_factory=tmp_path_factory, accepted=accepted
        )
    assert accepted
    for loaded, stack in list(accepted.items())[:DECLARED]:

        def program(loaded: Settings = loaded, stack: str = stack) -> None:
            platform.declare(loaded, stack=stack)

        try:
            recorded(program, stack=stack)
        except ProgramError as error:
            assert isinstance(error.__cause__, SettingsError | pulumi.RunError), loaded  # noqa: PT017  # either is right
            assert_readable(str(error))
