"""Airflow's keys are rotated while it works: nobody is refused, nothing becomes unreadable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from cryptography.fernet import Fernet, InvalidToken

from components import naming
from components.airflow.configuration import KEYS_OF
from components.airflow.names import API_SERVER, COMPONENTS, SCHEDULER, object_name
from local.cluster import rollout
from local.rotate_keys import rotate
from tests.environment.faults import STEADY, Work, working
from tests.environment.running_airflow import ENVIRONMENT, RunningAirflow

if TYPE_CHECKING:
    from local.airflow_api import AirflowApi

pytestmark = pytest.mark.faults
NAMESPACE = naming.namespace(ENVIRONMENT)
PASSWORD, EXTRA, VALUE = "kept-password", '{"kept": "extra"}', "kept value"
WORK_SECONDS = 240
READ = """
import json
from airflow.models import Connection, Variable
from airflow.utils.session import create_session
with create_session() as session:
    rows = session.query(Connection).filter_by(conn_id="kept").one()
    values = {one.key: one.val for one in session.query(Variable)}
    print(json.dumps([rows.password, rows.extra, values]))
"""
ENCRYPTED = """
    SELECT password FROM connection WHERE is_encrypted
    UNION ALL SELECT extra FROM connection WHERE is_extra_encrypted
    UNION ALL SELECT val FROM variable WHERE is_encrypted
    UNION ALL SELECT kwargs FROM trigger
"""


def secret(kind: str) -> str:
    """The value of a key's secret, as the account's administrator reads it."""
    name = naming.key_secret(ENVIRONMENT, kind)
    return str(boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def key_files(airflow: RunningAirflow, name: str) -> dict[str, str]:
    """Component -> a file of its pod's keys."""
    return {
        component: (pod / "volumes" / "keys" / name).read_text(encoding="utf-8")
        for pod in airflow.pods_folder.glob("pod-*")
        for component in COMPONENTS
        if (pod / "containers" / component).exists() and (pod / "volumes" / "keys" / name).exists()
    }


def ciphertexts(airflow: RunningAirflow) -> list[bytes]:
    """All that Airflow has encrypted in its database."""
    with airflow.checkout.account() as access:
        instance = access.instance("metadata")
        with access.connect(airflow.metadata_owner(), instance) as session:
            session.execute("SET search_path = airflow")
            return [str(row[0]).encode() for row in session.execute(ENCRYPTED).fetchall()]


def refused(airflow: RunningAirflow, api: AirflowApi) -> bool:
    """Whether the API server refuses a login of before."""
    header = {"Authorization": api._session.headers["Authorization"]}
    answer = requests.get(f"{airflow.address}/api/v2/dags", headers=header, timeout=30)
    assert answer.status_code in {200, 403}, answer.text
    return answer.status_code == 403


@contextmanager
def rotating(
    airflow: RunningAirflow, kind: str, at_step: Callable[[str], None]
) -> Iterator[list[str]]:
    """Rotate a key, calling `at_step` after each step, when all components are ready."""
    told: list[str] = []

    def progress(line: str) -> None:
        print(line)
        told.append(line.partition(": ")[2])
        if not told[-1].startswith("waits"):
            at_step(told[-1])

    with airflow.checkout.account():
        rotate(airflow.checkout.paths, kind, progress)
        yield told


class Stored:
    """A connection and variables that were stored with the key of before."""

    def __init__(self, airflow: RunningAirflow) -> None:
        self._airflow = airflow
        self._values: dict[str, str] = {}
        self._send(
            "POST",
            "connections",
            {"connection_id": "kept", "conn_type": "http", "password": PASSWORD, "extra": EXTRA},
        )
        self.write("before")

    def write(self, name: str) -> None:
        """Store one more variable now."""
        self._send("POST", "variables", {"key": name, "value": f"{VALUE} {name}"})
        self._values[name] = f"{VALUE} {name}"

    def check(self) -> None:
        """See that the API server and another component read all of it."""
        api = self._airflow.api()
        for name, value in self._values.items():
            assert api._call("GET", f"/api/v2/variables/{name}")["value"] == value
        found = rollout.execute(
            self._airflow.checkout.paths,
            NAMESPACE,
            object_name(SCHEDULER),
            ["python", "-c", READ],
        )
        assert found.code == 0, found.errors[-2000:]
        assert json.loads(found.output.splitlines()[-1]) == [PASSWORD, EXTRA, self._values]

    def remove(self) -> None:
        """Leave nothing behind."""
        for name in self._values:
            self._send("DELETE", f"variables/{name}")
        self._send("DELETE", "connections/kept")

    def _send(self, method: str, what: str, body: dict[str, Any] | None = None) -> None:
        session = self._airflow.api()._session
        answer = session.request(
            method, f"{self._airflow.address}/api/v2/{what}", json=body, timeout=30
        )
        assert answer.ok, answer.text


def went_well(work: Work) -> None:
    """See that all runs succeeded, each task at its first try."""
    assert set(work.wait(WORK_SECONDS).values()) == {"success"}
    assert set(work.tries().values()) == {1}
    assert set(work.written().values()) == {1}


def test_a_fernet_key_is_rotated_and_everything_stays_readable(airflow: RunningAirflow) -> None:
    stored, work = Stored(airflow), working(airflow)
    with airflow.checkout.account():
        old = Fernet(secret("fernet"))
    work.begin(STEADY)
    work.wait_for_running("long")

    def at_step(line: str) -> None:
        stored.check()
        stored.write(f"at-{len(stored._values)}")
        fresh = working(airflow)
        fresh.begin(STEADY)
        work.runs += fresh.runs
        print(line, "with", len(ciphertexts(airflow)), "values")

    with rotating(airflow, "fernet", at_step) as told:
        new = Fernet(secret("fernet"))
    assert [line.partition(":")[0] for line in told if ": version" in line] == [
        "add",
        "promote",
        "retire",
    ]

    stored.check()
    found = ciphertexts(airflow)
    assert len(found) >= 7, "password, extra, and a variable of each step"
    for text in found:
        new.decrypt(text)
        with pytest.raises(InvalidToken):
            old.decrypt(text)
    holders = {component for component, keys in KEYS_OF.items() if "fernet" in keys}
    assert key_files(airflow, "fernet") == dict.fromkeys(holders, secret_of(airflow, "fernet"))
    work.api = airflow.api()
    went_well(work)
    stored.remove()


def secret_of(airflow: RunningAirflow, kind: str) -> str:
    """The same from outside of the account."""
    with airflow.checkout.account():
        return secret(kind)


def test_a_jwt_key_is_rotated_and_logins_stay_valid(airflow: RunningAirflow) -> None:
    work, before = working(airflow), airflow.api()
    work.begin(STEADY)
    work.wait_for_running("long")

    def at_step(_: str) -> None:
        # A login of before, and one of now, are good at each step.
        assert not refused(airflow, before)
        fresh = working(airflow)
        fresh.begin(STEADY)
        work.runs += fresh.runs

    with rotating(airflow, "jwt", at_step) as told:
        assert "accepted until it is retired: run this again after" in told[-1]
    assert not refused(airflow, before)
    with rotating(airflow, "jwt", lambda _: None) as again:
        assert again == told[-1:], "nothing is restarted, nothing is changed"
    work.api = airflow.api()
    went_well(work)
    assert not refused(airflow, before), "it was used to see that"

    retire_leaked_key(airflow)
    assert refused(airflow, before)
    assert not refused(airflow, work.api), "signed with the new key"
    more = working(airflow)
    more.begin(STEADY)
    went_well(more)


def retire_leaked_key(airflow: RunningAirflow) -> None:
    """What the runbook says of a key that has leaked: no waiting."""
    with airflow.checkout.account():
        arn = boto3.client("secretsmanager").describe_secret(
            SecretId=naming.key_secret(ENVIRONMENT, "jwt")
        )["ARN"]
        event = {"region": "eu-west-1", "secrets": {"jwt": arn}, "step": "retire", "force": True}
        answer = boto3.client("lambda").invoke(
            FunctionName="airflow-local-airflow-keys", Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
    rollout.restart(airflow.checkout.paths, NAMESPACE, object_name(API_SERVER))


def test_an_api_key_is_replaced_and_logins_stay_valid(airflow: RunningAirflow) -> None:
    before, value = airflow.api(), secret_of(airflow, "api")
    with rotating(airflow, "api", lambda _: None) as told:
        assert [line.partition(":")[0] for line in told] == [
            "replace",
            "waits for the api-server to be ready again",
        ]
    assert not refused(airflow, before)
    new = secret_of(airflow, "api")
    assert new != value
    assert key_files(airflow, "api") == {API_SERVER: new}
