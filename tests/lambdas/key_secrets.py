"""A secret of a key of Airflow's, and the function for it, against moto's API; it tests nothing.

Fixture:
    key: makes a secret of a kind, with no value yet.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from lambdas.airflow_keys.handler import OVERLAP_VARIABLE, handle
from tests.lambdas.database_instance import REGION, Context

OVERLAP = 90_000
MakeKey = Callable[[str], "Key"]


class Key:
    """A secret of a test's own, and the function for it."""

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind = kind
        self.client = boto3.client("secretsmanager")
        name = name or f"airflow/{secrets.token_hex(4)}/keys/{kind}"
        self.arn = self.client.create_secret(Name=name)["ARN"]
        self.told = ""

    def invoke(self, **more: object) -> dict[str, Any]:
        """Have the function do something."""
        event = {"region": REGION, "secrets": {self.kind: self.arn}, **more}
        answer = handle(event, Context())
        self.told += json.dumps(answer)
        return answer

    def step(self, step: str, **more: object) -> tuple[bool, str]:
        """Take a step; whether that put a value, and the phase after it."""
        answer = self.invoke(step=step, **more)
        return answer["done"], answer["phase"]

    def put(self, value: str) -> None:
        """Put a value as a person would."""
        self.client.put_secret_value(SecretId=self.arn, SecretString=value)

    def value(self, stage: str = "AWSCURRENT") -> str:
        """The secret's value."""
        found = self.client.get_secret_value(SecretId=self.arn, VersionStage=stage)
        return str(found["SecretString"])

    def keys(self) -> tuple[list[str], int]:
        """The keys while there are several, the oldest first, and which one is in use."""
        content = json.loads(self.value())
        return content["keys"], content["use"]


@pytest.fixture
def key(function_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> MakeKey:
    monkeypatch.setenv("AWS_DEFAULT_REGION", function_environment["AWS_REGION"])
    monkeypatch.setenv(OVERLAP_VARIABLE, str(OVERLAP))
    return Key


def filled(key: MakeKey, kind: str) -> Key:
    """A key with its first value."""
    made = key(kind)
    made.invoke()
    return made
