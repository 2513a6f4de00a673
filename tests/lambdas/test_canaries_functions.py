"""No byte of a secret leaves a function but to where it is for, however much is logged.

Everything that Python can log is logged, as when an operator sets a function's log level to DEBUG;
what goes wrong is forced. Searched are the log, standard output, the answer, and an error with all
that it came from and each frame's line.
"""

from __future__ import annotations

import json
import logging
import secrets
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from lambdas.airflow_keys import handler
from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import FunctionError
from tests.lambdas.database_instance import FUNCTION_SECRET, REGION, Context
from tests.secret_forms import SHAPES, text_forms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lambdas.database_instance import Instance

NOISY = ("", "boto3", "botocore", "botocore.parsers", "botocore.endpoint", "urllib3", "pg8000")
SHORT_SECONDS = 6.5
"""A little more than what a function keeps back, so that one that tries again ends soon."""

Outcome = Callable[[Callable[[], Any]], str]


@pytest.fixture
def loud() -> Iterator[None]:
    """Log everything, as from the start of the process."""
    before = {name: logging.getLogger(name).level for name in NOISY}
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG)
    for name in NOISY[3:5]:  # What has no level of its own follows its parent.
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def told(
    loud: None,  # noqa: ARG001 - for what it does
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Outcome:
    """Call something, and return all that it told: by its answer, its error, and its logs."""
    logging.getLogger().addHandler(caplog.handler)
    caplog.handler.setLevel(logging.DEBUG)

    def call(function: Callable[[], Any]) -> str:
        caplog.clear()  # What the test itself has done is not the function's.
        capfd.readouterr()
        try:
            outcome = json.dumps(function())
        except FunctionError as error:
            outcome = "".join(traceback.format_exception(error)) + repr(error)
        captured = capfd.readouterr()
        return "\n".join([outcome, caplog.text, captured.out, captured.err])

    return call


def secrets_in(text: str, *values: str) -> list[str]:
    """The names of what was found: the number of a value, or a shape."""
    found = [
        f"value {number}"
        for number, value in enumerate(values)
        if any(form in text.encode() for form in text_forms(value))
    ]
    return [*found, *(name for name, shape in SHAPES.items() if shape.search(text.encode()))]


def test_the_search_sees_what_the_sdk_would_log(
    instance: Instance, told: Outcome, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without the functions' own log, which keeps the SDK's out, all of it is there."""
    client = boto3.client("secretsmanager", region_name=REGION)

    text = told(lambda: client.get_secret_value(SecretId=instance.secret_arn)["ARN"])

    assert secrets_in(text, instance.password) != []
    assert capfd.readouterr().out == ""


def wrong_user(instance: Instance) -> None:
    instance.store(instance.password, username="somebody")


def no_json(instance: Instance) -> None:
    _put(instance, instance.password)


def no_texts(instance: Instance) -> None:
    _put(instance, json.dumps({"username": "dbmaster", "password": [instance.password]}))


def no_object(instance: Instance) -> None:
    _put(instance, json.dumps([instance.password]))


def refused(instance: Instance) -> None:
    """The secret has the former password, which the server does not take any more."""
    instance.rotate()


def unverified(instance: Instance) -> None:
    instance.certificates = instance.certificates.with_name("none.pem")


def _put(instance: Instance, text: str) -> None:
    instance.secrets_manager.put_secret_value(SecretId=instance.secret_arn, SecretString=text)


@pytest.mark.parametrize(
    ("disturb", "sentence"),
    [
        (None, '"loggedInBy": "password"'),
        (wrong_user, "does not hold the password of dbmaster"),
        (no_json, "is not a JSON object of strings"),
        (no_texts, "is not a JSON object of strings"),
        (no_object, "is not a JSON object of strings"),
        (refused, "dbmaster cannot log in by password: "),
        (unverified, "cannot be used to verify the server"),
    ],
)
def test_the_bootstrap_tells_no_secret(
    instance: Instance,
    told: Outcome,
    monkeypatch: pytest.MonkeyPatch,
    disturb: Callable[[Instance], None] | None,
    sentence: str,
) -> None:
    monkeypatch.setattr(instance, "certificates", instance.certificates)
    if disturb is not None:
        disturb(instance)

    text = told(lambda: instance.bootstrap(seconds=30 if disturb is None else SHORT_SECONDS))

    assert sentence in text
    assert secrets_in(text, *instance.passwords, FUNCTION_SECRET) == []


@pytest.fixture
def key(function_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A value that the function is about to put, known beforehand."""
    assert function_environment
    value = secrets.token_urlsafe(32)
    monkeypatch.setattr(handler, "KINDS", dict.fromkeys(KINDS, lambda: value))
    return value


def _secret_to_fill() -> tuple[Any, str]:
    client = boto3.client("secretsmanager", region_name=REGION)
    arn = client.create_secret(Name=f"airflow/{secrets.token_hex(4)}/keys/api")["ARN"]
    return client, str(arn)


def test_the_function_for_keys_tells_none(key: str, told: Outcome) -> None:
    client, arn = _secret_to_fill()

    text = told(lambda: handler.handle({"region": REGION, "secrets": {"api": arn}}, Context()))

    assert '"put": ["api"]' in text
    assert client.get_secret_value(SecretId=arn)["SecretString"] == key
    assert secrets_in(text, key, FUNCTION_SECRET) == []


def test_the_function_for_keys_tells_none_when_it_fails(
    key: str, told: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request, with the key in it, was sent, and refused: the secret has just been deleted."""
    client, arn = _secret_to_fill()

    def make() -> str:
        client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        return key

    monkeypatch.setattr(handler, "KINDS", {**KINDS, "api": make})

    text = told(lambda: handler.handle({"region": REGION, "secrets": {"api": arn}}, Context()))

    assert "got no first value (ResourceNotFoundException)" in text
    assert secrets_in(text, key, FUNCTION_SECRET) == []
