"""What comes from outside is checked before it is used: events, names and secrets."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from pg8000.exceptions import DatabaseError

from lambdas.bootstrap_postgres.handler import bootstrap
from lambdas.bootstrap_postgres.request import Request
from lambdas.shared.database import _from_server
from lambdas.shared.errors import (
    BusyError,
    ConnectionLimitError,
    EventError,
    FunctionError,
    LoginRefusedError,
    SecretError,
    StatementError,
    UnreachableError,
)
from lambdas.shared.secret_value import read_secret
from lambdas.shared.sql import compose, quoted

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf"
EVENT = {
    "host": "metadata.abc.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "masterSecretArn": ARN,
    "masterUsername": "dbmaster",
    "provisioner": "provisioner",
    "region": "eu-west-1",
}


def test_event_becomes_a_request() -> None:
    assert Request.parse({**EVENT, "connectionLimit": 0}) == Request(
        host="metadata.abc.eu-west-1.rds.amazonaws.com",
        port=5432,
        region="eu-west-1",
        master="dbmaster",
        master_secret_arn=ARN,
        provisioner="provisioner",
        connection_limit=0,
    )


def test_no_connection_limit_means_none() -> None:
    assert Request.parse(EVENT).connection_limit == -1


@pytest.mark.parametrize("key", sorted(EVENT))
def test_event_without_a_key_is_refused(key: str) -> None:
    event = {name: value for name, value in EVENT.items() if name != key}
    with pytest.raises(EventError, match=f"^Event key {key} is missing; allowed is required"):
        Request.parse(event)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("port", 0, "Event key port is 0; allowed is a whole number from 1 to 65535"),
        ("port", 65536, "Event key port is 65536; allowed"),
        ("port", "5432", "Event key port is '5432'; allowed"),
        ("port", True, "Event key port is True; allowed"),
        ("port", None, "Event key port is None; allowed"),
        ("connectionLimit", -2, "Event key connectionLimit is -2; allowed is a whole number from"),
        ("connectionLimit", None, "Event key connectionLimit is None; allowed"),
        ("host", "", "Event key host is ''; allowed is a text that is not empty"),
        ("region", 1, "Event key region is 1; allowed is a text"),
        ("masterUsername", "x" * 64, "Event key masterUsername: .* 1 to 63 bytes without NUL"),
        ("provisioner", "a\0b", "Event key provisioner: .* 1 to 63 bytes without NUL"),
        ("provisioner", "dbmaster", "allowed is another login than the master"),
        ("Host", "x", "Event key Host is unknown; allowed is one of connectionLimit, host"),
    ],
)
def test_event_with_a_wrong_value_is_refused(key: str, value: object, sentence: str) -> None:
    with pytest.raises(EventError, match=sentence):
        Request.parse({**EVENT, key: value})


@pytest.mark.parametrize("event", [None, [], "text", 1])
def test_event_that_is_no_object_is_refused(event: object) -> None:
    with pytest.raises(EventError, match="must be a JSON object: correct the input"):
        Request.parse(event)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("provisioner", '"provisioner"'),
        ('a"b', '"a""b"'),
        ('"; DROP ROLE x --', '"""; DROP ROLE x --"'),
        ("ü" * 31, '"' + "ü" * 31 + '"'),
    ],
)
def test_name_is_quoted(name: str, identifier: str) -> None:
    assert quoted(name) == identifier


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "ü" * 32])
def test_name_that_postgresql_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for PostgreSQL"):
        quoted(name)


def test_braces_in_a_name_are_not_read_as_places() -> None:
    assert compose("GRANT {one} TO {two}", one="{two}", two="x") == 'GRANT "{two}" TO "x"'


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("28P01", LoginRefusedError),
        ("28000", LoginRefusedError),
        ("57P01", UnreachableError),
        ("57P03", UnreachableError),
        ("25006", UnreachableError),
        ("53300", ConnectionLimitError),
        ("08006", UnreachableError),
        ("40001", BusyError),
        ("40P01", BusyError),
        ("55P03", BusyError),
        ("57014", BusyError),
        ("XX000", BusyError),
        ("42501", StatementError),
        ("3D000", StatementError),
    ],
)
def test_answer_of_the_server_becomes_an_error_of_ours(
    code: str, error: type[FunctionError]
) -> None:
    answer = DatabaseError({"C": code, "M": "it says no", "D": "It says why."})
    ours = _from_server(answer)
    assert type(ours) is error
    assert str(ours) == f"PostgreSQL says {code}: it says no. It says why."


def test_function_without_time_to_try_says_so() -> None:
    context = SimpleNamespace(aws_request_id="x", get_remaining_time_in_millis=lambda: 3000)
    with pytest.raises(FunctionError, match=r"has 3\.0 s, and keeps 5 s .*: set its timeout"):
        bootstrap(EVENT, context)


def secrets_manager() -> Any:  # noqa: ANN401 - boto3 has no types
    return boto3.client(
        "secretsmanager",
        region_name="eu-west-1",
        aws_access_key_id="unused",
        aws_secret_access_key="unused",
    )


def test_current_version_of_the_secret_is_read() -> None:
    client = secrets_manager()
    with Stubber(client) as stubber:
        stubber.add_response(
            "get_secret_value",
            {"SecretString": json.dumps({"username": "dbmaster", "password": "canary"})},
            {"SecretId": ARN, "VersionStage": "AWSCURRENT"},
        )
        assert read_secret(client, ARN) == {"username": "dbmaster", "password": "canary"}
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDeniedException", "allow the function's role secretsmanager:GetSecretValue on it"),
        ("DecryptionFailure", "kms:Decrypt on its key, and enable that key"),
        ("ResourceNotFoundException", "pass the ARN of a secret that exists"),
        ("InternalServiceError", "look the code up"),
    ],
)
def test_secret_that_cannot_be_read_says_what_to_do(code: str, remedy: str) -> None:
    client = secrets_manager()
    with Stubber(client) as stubber:
        stubber.add_client_error("get_secret_value", code)
        with pytest.raises(
            SecretError, match=rf"^Secret {ARN} cannot be read \({code}\): .*{remedy}"
        ):
            read_secret(client, ARN)


@pytest.mark.parametrize("value", ["canary", '"canary"', '["canary"]', '{"password": 1}', "{"])
def test_secret_of_another_kind_is_refused_without_showing_it(value: str) -> None:
    client = secrets_manager()
    with Stubber(client) as stubber:
        stubber.add_response("get_secret_value", {"SecretString": value})
        with pytest.raises(SecretError, match="is not a JSON object of strings") as refused:
            read_secret(client, ARN)
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_binary_secret_is_refused() -> None:
    client = secrets_manager()
    with Stubber(client) as stubber:
        stubber.add_response("get_secret_value", {"SecretBinary": b"canary"})
        with pytest.raises(SecretError, match="is not a JSON object of strings"):
            read_secret(client, ARN)
