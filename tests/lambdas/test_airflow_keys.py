"""Airflow's keys get a first value each, and never another one; against Secrets Manager's API."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lambdas.airflow_keys import handler
from lambdas.airflow_keys.handler import handle
from lambdas.airflow_keys.values import KINDS
from lambdas.package import PROJECT, build_airflow_keys
from lambdas.shared.errors import EventError, SecretError
from tests.lambdas.database_instance import REGION

# What the Lambda runtime for Python has beside the standard library.
RUNTIME = ["boto3", "botocore", "jmespath", "s3transfer", "urllib3", "dateutil"]
RUNTIME_LOOP = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from lambdas.airflow_keys.handler import handle
class Context:
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
print(json.dumps(handle(json.load(sys.stdin), Context())))
"""


class Context:
    """What Lambda passes to a handler."""

    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        """Half a minute."""
        return 30_000


class Keys:
    """Three secrets of a test's own."""

    def __init__(self) -> None:
        self.client = boto3.client("secretsmanager")
        self.arns = {
            kind: self.client.create_secret(Name=f"airflow/{secrets.token_hex(4)}/keys/{kind}")[
                "ARN"
            ]
            for kind in KINDS
        }

    @property
    def event(self) -> dict[str, object]:
        """What the function is invoked with."""
        return {"region": REGION, "secrets": self.arns}

    @property
    def values(self) -> dict[str, str]:
        """What the secrets hold now."""
        return {
            kind: self.client.get_secret_value(SecretId=arn)["SecretString"]
            for kind, arn in self.arns.items()
        }


@pytest.fixture
def keys(function_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setenv("AWS_DEFAULT_REGION", function_environment["AWS_REGION"])
    return Keys()


def test_each_key_is_what_airflow_wants(keys: Keys, capfd: pytest.CaptureFixture[str]) -> None:
    assert handle(keys.event, Context()) == {"put": ["api", "fernet", "jwt"], "kept": []}
    values = keys.values
    assert len(base64.urlsafe_b64decode(values["fernet"])) == 32
    assert len(values["fernet"]) == 44
    assert isinstance(load_pem_private_key(values["jwt"].encode(), None), Ed25519PrivateKey)
    # Without padding, as Python makes it: each byte is there nevertheless.
    assert len(base64.urlsafe_b64decode(values["api"] + "=")) == 32
    logged = capfd.readouterr().out
    lines = [json.loads(line) for line in logged.splitlines()]
    assert [(line["event"], line["key"], line["secret"]) for line in lines] == [
        ("put", kind, keys.arns[kind]) for kind in ("api", "fernet", "jwt")
    ]
    for value in values.values():
        assert value not in logged


def test_a_value_that_is_there_stays(keys: Keys) -> None:
    keys.client.put_secret_value(SecretId=keys.arns["jwt"], SecretString="an operator's own")
    assert handle(keys.event, Context()) == {"put": ["api", "fernet"], "kept": ["jwt"]}
    before = keys.values
    assert before["jwt"] == "an operator's own"
    assert handle(keys.event, Context()) == {"put": [], "kept": ["api", "fernet", "jwt"]}
    assert keys.values == before
    # Also after it was rotated by hand: another version is the current one then.
    keys.client.put_secret_value(SecretId=keys.arns["fernet"], SecretString="rotated")
    handle(keys.event, Context())
    assert keys.values == {**before, "fernet": "rotated"}


def test_environments_have_keys_of_their_own(keys: Keys) -> None:
    other = Keys()
    for one in (keys, other):
        handle(one.event, Context())
    assert not set(keys.values.values()) & set(other.values.values())


def _stubbed(monkeypatch: pytest.MonkeyPatch, code: str, message: str = "no") -> Stubber:
    """Let Secrets Manager answer as moto cannot."""
    client = botocore.session.get_session().create_client("secretsmanager", REGION)
    stub = Stubber(client)
    stub.add_response("describe_secret", {"ARN": "a" * 20}, {"SecretId": "a"})
    stub.add_client_error("put_secret_value", code, message)
    stub.activate()

    class Session:
        def __init__(self, **_: object) -> None:
            pass

        def client(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - boto3 has no types
            return client

    monkeypatch.setattr(boto3.session, "Session", Session)
    return stub


def test_who_comes_second_leaves_the_first_value(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two invocations at once: the one that loses is told that the version is there already."""
    assert 32 <= len(handler._FIRST) <= 64
    stub = _stubbed(monkeypatch, "ResourceExistsException")
    event = {"region": REGION, "secrets": {"fernet": "a"}}
    assert handle(event, Context()) == {"put": [], "kept": ["fernet"]}
    stub.assert_no_pending_responses()
    assert keys.arns


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "allow the function's role secretsmanager:DescribeSecret, "),
        ("InvalidRequestException", "restore it if it waits for its deletion"),
        ("EncryptionFailure", "enable its key, and allow the function's role kms:GenerateDataKey"),
        ("LimitExceededException", "look the code up in the API reference"),
    ],
)
def test_what_is_wrong_is_one_sentence_without_the_value(
    code: str, words: str, monkeypatch: pytest.MonkeyPatch, function_environment: dict[str, str]
) -> None:
    assert function_environment
    sought = "gAAAA-looks-like-a-key"
    _stubbed(monkeypatch, code, sought)
    with pytest.raises(
        SecretError, match=rf"^Secret a got no first value \({code}\): {words}"
    ) as e:
        handle({"region": REGION, "secrets": {"api": "a"}}, Context())
    assert sought not in str(e.value)
    assert e.value.__suppress_context__


def test_a_secret_that_is_not_there_is_named(keys: Keys) -> None:
    arn = keys.arns["api"].replace(":secret:", ":secret:no")
    with pytest.raises(SecretError, match=r"\(ResourceNotFoundException\): pass the ARN of a secr"):
        handle({"region": REGION, "secrets": {"api": arn}}, Context())


def test_without_a_network_it_says_so(
    function_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert function_environment
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(SecretError, match=r"\(EndpointConnectionError\): see that the function"):
        handle({"region": REGION, "secrets": {"api": "a"}}, Context())


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ([], "The event is no object; allowed is a JSON object with force, proof, reg"),
        ({"region": "r"}, "Event key secrets is missing; allowed is required"),
        ({"secrets": {"jwt": "a"}}, "Event key region is missing; allowed is required"),
        ({"region": "r", "secrets": {"jwt": "a"}, "x": 1}, "The event has x; allowed is a JSON"),
        ({"region": "r", "secrets": []}, "Event key secrets is no object; allowed is a JSON"),
        ({"region": "r", "secrets": {}}, "Event key secrets is empty; allowed is an object with"),
        ({"region": "r", "secrets": {"x": "a"}}, "Event key secrets has x; allowed is a JSON obj"),
        ({"region": "r", "secrets": {"jwt": ""}}, "Event key secrets.jwt is ''; allowed is a text"),
        ({"region": 1, "secrets": {"jwt": "a"}}, "Event key region is 1; allowed is a text"),
    ],
)
def test_an_event_that_is_none_is_refused(event: object, sentence: str) -> None:
    with pytest.raises(EventError) as refused:
        handle(event, Context())
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(": correct the input of the invocation.")


def test_the_package_is_complete_small_and_the_same_each_time(tmp_path: Path) -> None:
    first = build_airflow_keys(tmp_path / "new" / "one.zip")
    assert build_airflow_keys(tmp_path / "two.zip") == first
    assert {one.name for one in tmp_path.rglob("*.*")} == {"one.zip", "two.zip"}
    with zipfile.ZipFile(tmp_path / "two.zip") as archive:
        names = archive.namelist()
    folder = PROJECT / "lambdas" / "airflow_keys"
    own = {path.relative_to(PROJECT).as_posix() for path in folder.glob("*.py")}
    shared = {f"lambdas/shared/{name}.py" for name in ("__init__", "errors", "log")}
    assert set(names) == own | shared | {"lambdas/__init__.py"}


def test_unpacked_it_runs_as_a_process(
    keys: Keys, function_environment: dict[str, str], tmp_path: Path
) -> None:
    """It sees no other package than boto3's, as in Lambda."""
    build_airflow_keys(tmp_path / "package.zip")
    code, runtime = tmp_path / "task", tmp_path / "runtime"
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(code)
    runtime.mkdir()
    for name in RUNTIME:
        (runtime / name).symlink_to(Path(pytest.__file__).parents[1] / name)
    (runtime / "six.py").symlink_to(Path(pytest.__file__).parents[1] / "six.py")
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUNTIME_LOOP, code, runtime],
        input=json.dumps(keys.event),
        env=function_environment,
        cwd=code,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    answer = json.loads(finished.stdout.splitlines()[-1])
    assert answer == {"put": ["api", "fernet", "jwt"], "kept": []}
    for value in keys.values.values():
        assert value not in finished.stdout
