"""Events and pending values that are not this function's; each test bears its fault's number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from components.rotation_alarms import LOGGED
from lambdas.rotate_postgres.credential import Credential
from lambdas.rotate_postgres.request import Request
from lambdas.shared.errors import (
    EventError,
    FunctionError,
    RotationError,
)
from tests.lambdas.rotating_pair import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lambdas.rotating_pair import RotatingPair

pytest_plugins = ["tests.lambdas.rotation_fixtures"]


def test_f35_unknown_token(pair: RotatingPair) -> None:
    with pytest.raises(RotationError, match="has no version unknown-"):
        pair.take("setSecret", "unknown-version-of-this-secret-at-all")


def test_f35_rotation_is_off(pair: RotatingPair) -> None:
    token = pair.begin()
    pair.secret.rotation_requested, pair.secret.rotation_enabled = True, False
    for step in STEPS:
        with pytest.raises(RotationError, match="its rotation is off: turn it on"):
            pair.take(step, token)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"Step": "dropSecret"}, "Event key Step is 'dropSecret'; allowed is one of createSecret"),
        ({"Step": "setSecret"}, "Event key SecretId is None"),
        ({"Step": "setSecret", "SecretId": "arn"}, "Event key ClientRequestToken is None"),
        (
            {"Step": "setSecret", "SecretId": "arn", "ClientRequestToken": "t"},
            "The event is about secret arn, and this function rotates",
        ),
        ({"step": "last"}, "allowed is one of first, check"),
        ({"detail-type": "x", "detail": {}}, "detail.eventName is None"),
    ],
    ids=lambda value: "F35" if isinstance(value, dict) else "",
)
def test_event_that_is_not_understood(
    pair: RotatingPair, event: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(EventError, match=sentence):
        pair.take("", event=event)


@pytest.mark.parametrize("event", [None, [], "text", 1])
def test_event_that_is_no_object(event: object) -> None:
    with pytest.raises(EventError, match="must be a JSON object: correct the input"):
        Request.parse(event)


@pytest.mark.parametrize(
    ("name", "word"),
    [("RotationFailed", "rotation_failed"), ("RotationAbandoned", "rotation_abandoned")],
)
def test_failure_that_secrets_manager_reports_is_logged(
    name: str, word: str, pair: RotatingPair, capfd: pytest.CaptureFixture[str]
) -> None:
    event = {
        "detail-type": "AWS Service Event via CloudTrail",
        "detail": {
            "eventName": name,
            "additionalEventData": {"SecretId": pair.rotation.secret},
        },
    }
    pair.take("", event=event)
    assert f'"event": "{word}"' in capfd.readouterr().out
    assert word in LOGGED


@pytest.mark.parametrize(
    "change",
    [
        lambda pair, value: {**value, "username": pair.rotation.rotator},
        lambda _pair, value: {**value, "username": "dbmaster", "login": "dbmaster"},
        lambda pair, _: json.loads(
            Credential(username=pair.credential().username, password="x" * 32).text(pair.rotation)
        ),
        lambda _pair, value: {**value, "host": "127.0.0.2"},
        lambda _pair, value: {**value, "uri": value["uri"].replace("127.0.0.1", "127.0.0.2")},
        lambda _pair, value: {**value, "password": "p\u00e4ss"},
        lambda *_: [],
    ],
    ids=[
        "F16_rotator", "F16_master", "F16_current", "F17_host", "F17_uri", "F22_not_ascii",
        "F16_nothing",
    ],
)  # fmt: skip
def test_pending_that_somebody_else_put(
    pair: RotatingPair, change: Callable[[RotatingPair, dict[str, Any]], Any]
) -> None:
    token = pair.begin()
    fresh = Credential.fresh(pair.rotation.other(pair.credential().username))
    value = change(pair, json.loads(fresh.text(pair.rotation)))
    pair.store.put_secret_value(pair.rotation.secret, json.dumps(value), "", token, ["AWSPENDING"])
    before, labels = _verifiers(pair), pair.labels
    for step in ("createSecret", "setSecret", "finishSecret"):
        with pytest.raises(FunctionError, match=r"AWSPENDING .*: take the label"):
            pair.take(step, token)
    assert (_verifiers(pair), pair.labels) == (before, labels)
    pair.assert_works()
    pair.store.detach_pending(pair.secret)
    pair.rotate()
    pair.assert_works()


def _verifiers(pair: RotatingPair) -> list[Any]:
    return pair.server.execute(
        "SELECT rolname, rolpassword FROM pg_authid WHERE rolname <> 'dbmaster' ORDER BY 1"
    )
