"""A stack file is read as Pulumi reads it; what two parsers read differently is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacks.settings import Settings, SettingsError, load_stack_file, stack_configuration


def read(folder: Path, text: str) -> dict[str, str]:
    (folder / "Pulumi.test.yaml").write_text(text, encoding="utf-8")
    return stack_configuration(folder, "test")


@pytest.mark.parametrize(
    ("written", "handed_to_the_program"),
    [
        ("eu-west-1", "eu-west-1"),
        ('"012345678901"', "012345678901"),
        ("123456789012", "123456789012"),
        ("30", "30"),
        ('"30"', "30"),
        ("0", "0"),
        ("1.5", "1.5"),
        ("false", "false"),
        ("True", "true"),
        ("yes", "yes"),
        ("on", "on"),
        ("10:30", "10:30"),
        ("2027-01-31", "2027-01-31"),
        ("", ""),
        ("null", ""),
        ("[]", "[]"),
        ("[a, 1, true, null, '1']", '["a", 1, true, null, "1"]'),
        ("{a: {b: [1]}}", '{"a": {"b": [1]}}'),
        ("ä", "ä"),
    ],
)
def test_a_value_is_what_pulumi_makes_of_it(
    tmp_path: Path, written: str, handed_to_the_program: str
) -> None:
    config = read(tmp_path, f"config:\n  airflow-postgres:key: {written}\n")

    assert config == {"airflow-postgres:key": handed_to_the_program}


def test_a_key_without_a_namespace_is_the_projects(tmp_path: Path) -> None:
    assert read(tmp_path, "config: {region: a, 'aws:region': b}") == {
        "airflow-postgres:region": "a",
        "aws:region": "b",
    }


def test_anchors_and_merges_are_resolved(tmp_path: Path) -> None:
    text = "config:\n  a: &a {x: 1, y: 2}\n  b: {<<: *a, y: 3}\n"

    assert json.loads(read(tmp_path, text)["airflow-postgres:b"]) == {"x": 1, "y": 3}


def test_what_pulumi_adds_is_passed_over(tmp_path: Path) -> None:
    text = "secretsprovider: passphrase\nencryptionsalt: v1:x\nconfig: {a: 1}\n"

    assert read(tmp_path, text) == {"airflow-postgres:a": "1"}


NO_CONFIG = (
    "Pulumi.test.yaml has no group `config:` at its top; write all settings below one, such as "
    "`airflow-postgres:region: eu-west-1`."
)
NUMBER = (
    "is a number in a form that parsers read differently (write text in quotes, and a number "
    "plainly); mend it."
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", NO_CONFIG, id="empty"),
        pytest.param("- a", NO_CONFIG, id="a list"),
        pytest.param("config: x", NO_CONFIG, id="config is text"),
        pytest.param("config:", NO_CONFIG, id="config is nothing"),
        pytest.param(
            "config: {}\nregion: x",
            "Pulumi.test.yaml has `region` at its top; allowed there are config, encryptionsalt, "
            "secretsprovider, encryptedkey; indent a setting so that it is below `config:`, or "
            "remove it.",
            id="not indented",
        ),
        pytest.param(
            "config:\n  a: 1\n  b: 1\n  a: 2\n",
            "Pulumi.test.yaml is not valid: line 4: the key 'a' is there twice; mend it.",
            id="a key twice",
        ),
        pytest.param(
            "config:\n  a: [{b: 1, b: 1}]\n",
            "Pulumi.test.yaml is not valid: line 2: the key 'b' is there twice; mend it.",
            id="a key twice further down",
        ),
        pytest.param(
            "config:\n  a: {1: x}\n",
            "Pulumi.test.yaml is not valid: line 2: a key is not text; mend it.",
            id="a number as key",
        ),
        pytest.param(
            "config:\n  a: 012\n",
            f"Pulumi.test.yaml is not valid: line 2: 012 {NUMBER}",
            id="octal or not",
        ),
        pytest.param(
            "config:\n  a: 1_000\n",
            f"Pulumi.test.yaml is not valid: line 2: 1_000 {NUMBER}",
            id="underscore",
        ),
        pytest.param(
            "config:\n  a: 0x10\n",
            f"Pulumi.test.yaml is not valid: line 2: 0x10 {NUMBER}",
            id="hexadecimal",
        ),
        pytest.param(
            "config:\n  a: 1e3\n",
            f"Pulumi.test.yaml is not valid: line 2: 1e3 {NUMBER}",
            id="exponent",
        ),
        pytest.param(
            "config:\n  a: {secure: AAABA}\n",
            "airflow-postgres:a in Pulumi.test.yaml is encrypted; no setting is a secret; write "
            "its value as plain text.",
            id="encrypted",
        ),
    ],
)
def test_what_is_no_stack_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)

    assert caught.value.problems == (sentence,)


@pytest.mark.parametrize(
    "text",
    ["config: [", "config:\n\tx: 1", "a: !!python/object:os.system {}", "a: &a [*a]", "%", "a: *b"],
)
def test_broken_yaml_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"\APulumi\.test\.yaml .*\.\Z"):
        read(tmp_path, text)


def test_a_list_that_contains_itself_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\Aairflow-postgres:a in Pulumi\.test\.yaml .*\.\Z"):
        read(tmp_path, "config:\n  a: &a [*a]\n")


def test_what_is_not_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.test.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match=r"cannot be read: .* UTF-8 text; save it as one\.\Z"):
        stack_configuration(tmp_path, "test")


def test_a_missing_file_tells_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.prod.yaml").touch()
    (tmp_path / "Pulumi.dev.yaml").touch()

    with pytest.raises(SettingsError) as caught:
        stack_configuration(tmp_path, "test")
    assert str(caught.value) == (
        f"There is no Pulumi.test.yaml in {tmp_path}; the stacks here are dev, prod; choose one of "
        "them, or write that file."
    )


_TEXT = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=10)
_VALUES = st.recursive(
    st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_VALUES)
def test_whatever_is_written_comes_back(tmp_path: Path, value: object) -> None:
    # With quotes: PyYAML leaves them out of texts such as 0E0, which others read as numbers.
    text = yaml.safe_dump(
        {"config": {"airflow-postgres:key": value}}, allow_unicode=True, default_style='"'
    )

    (back,) = read(tmp_path, text).values()
    assert (back if isinstance(value, str) else json.loads(back)) == value


def test_settings_from_a_file_are_those_from_the_program(
    tmp_path: Path, config: dict[str, Any], today: date
) -> None:
    document = {"config": {f"airflow-postgres:{key}": value for key, value in config.items()}}
    (tmp_path / "Pulumi.test.yaml").write_text(json.dumps(document), encoding="utf-8")

    assert load_stack_file(tmp_path, "test", today) == Settings.load(config, today)
