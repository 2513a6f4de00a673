"""The running program's configuration becomes settings, whichever engine runs it."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pulumi.runtime import config as pulumi_config

from stacks.settings import Settings, SettingsError, from_pulumi

Edits = Mapping[str, Any]


def handed(config: Mapping[str, Any]) -> dict[str, str]:
    """What an engine hands over: full key to text, JSON where it is not text."""
    return {
        f"airflow-postgres:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }


@pytest.fixture
def set_by_an_engine() -> Iterator[Callable[[dict[str, str]], None]]:
    """Sets the configuration as engines do, and takes it back."""
    before: contextvars.Token[dict[str, Any]] = pulumi_config.CONFIG.set({})
    yield pulumi_config.set_all_config
    pulumi_config.CONFIG.reset(before)


def test_all_of_it_arrives_from_an_engine(
    set_by_an_engine: Callable[[dict[str, str]], None], config: dict[str, Any], today: date
) -> None:
    set_by_an_engine(handed(config))

    assert from_pulumi(today) == Settings.load(config, today)
    assert from_pulumi(today).account == "012345678901"


@pytest.mark.usefixtures("set_by_an_engine")
def test_all_of_it_arrives_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], today: date
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(handed(config)))

    assert from_pulumi(today) == Settings.load(config, today)


def test_unknown_keys_are_seen(
    set_by_an_engine: Callable[[dict[str, str]], None], config: dict[str, Any], today: date
) -> None:
    set_by_an_engine(handed({**config, "workflow": []}))

    with pytest.raises(SettingsError) as caught:
        from_pulumi(today)
    assert str(caught.value) == (
        "airflow-postgres:workflow is not a setting; did you mean workflows? Rename it, or "
        "remove it."
    )


def test_keys_of_another_namespace_are_refused(
    set_by_an_engine: Callable[[dict[str, str]], None], config: dict[str, Any], today: date
) -> None:
    set_by_an_engine({**handed(config), "aws:region": "eu-west-2", "aws:profile": "x"})

    with pytest.raises(SettingsError) as caught:
        from_pulumi(today)
    assert [each.partition(";")[0] for each in caught.value.problems] == [
        "aws:profile is not read by this project, whose settings all start with airflow-postgres:",
        "aws:region is not read by this project, whose settings all start with airflow-postgres:",
    ]


def test_pulumis_own_keys_are_passed_over(
    set_by_an_engine: Callable[[dict[str, str]], None], config: dict[str, Any], today: date
) -> None:
    set_by_an_engine({**handed(config), "pulumi:tags": "{}"})

    from_pulumi(today)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("workflows", "[{", '"[{"'),
        ("workflows", "", '""'),
        ("logRetentionDays", "030", '"030"'),
        ("connectionProxy", "yes", '"yes"'),
        ("metadata", "3", "3"),
        ("account", "12345678901", '"12345678901"'),
    ],
)
def test_text_that_is_not_of_the_type_is_one_sentence(
    set_by_an_engine: Callable[[dict[str, str]], None],
    config: dict[str, Any],
    today: date,
    key: str,
    text: str,
    value: str,
) -> None:
    set_by_an_engine({**handed(config), f"airflow-postgres:{key}": text})

    with pytest.raises(SettingsError) as caught:
        from_pulumi(today)
    (sentence,) = caught.value.problems
    assert sentence.startswith(f"airflow-postgres:{key} is {value}; it must be ")


def test_a_day_without_quotes_arrives_as_pulumi_writes_it(
    edited: Callable[[Edits], dict[str, Any]], today: date
) -> None:
    """Seen with Pulumi 3.272: also `pulumi stack init` writes it so into the stack file."""
    config = edited({"people.0.expires": "2027-01-31 00:00:00 +0000 UTC"})

    assert Settings.load(config, today).people[0].expires == date(2027, 1, 31)


@pytest.mark.parametrize("text", ["2027-01-31 01:00:00 +0000 UTC", "20270131", "2027-W04-7"])
def test_other_writings_of_a_day_are_refused(problem: Callable[[Edits], str], text: str) -> None:
    assert "must be a day as YYYY-MM-DD" in problem({"people.0.expires": text})


def test_without_a_day_it_is_today_in_utc(
    set_by_an_engine: Callable[[dict[str, str]], None],
    edited: Callable[[Edits], dict[str, Any]],
) -> None:
    """Two days on either side, so that the clock may turn while this runs."""
    now = datetime.now(UTC).date()
    days = {"agents.0.expires": str(now + timedelta(days=2))}
    set_by_an_engine(handed(edited({**days, "people.0.expires": str(now + timedelta(days=2))})))
    from_pulumi()

    set_by_an_engine(handed(edited({"people.0.expires": str(now - timedelta(days=2))})))
    with pytest.raises(SettingsError, match="which is past"):
        from_pulumi()
