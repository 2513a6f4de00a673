"""A small, valid configuration, and what is wrong with it after an edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import Settings, SettingsError
from tests.unit.bad_settings import Desk


@pytest.fixture(scope="session")
def today() -> date:
    """The day on which the settings are loaded."""
    return date(2026, 11, 22)


@pytest.fixture
def config() -> dict[str, Any]:
    """Key to parsed value; two environments, three workflows, a person and an agent."""
    instance = {
        "instanceClass": "db.t4g.medium",
        "engineVersion": "16",
        "allocatedStorageGib": 20,
        "maxAllocatedStorageGib": 40,
        "multiAz": False,
        "backupRetentionDays": 7,
        "protected": False,
        "port": 5433,
        "backupWindow": "01:00-02:00",
        "maintenanceWindow": "sun:02:30-sun:03:30",
        "monitoringIntervalSeconds": 60,
        "performanceInsights": True,
    }
    component = {"replicas": 1, "workers": 1, "poolSize": 5, "maxOverflow": 5}
    return {
        "account": "012345678901",
        "region": "eu-west-1",
        "environments": ["dev", "qa"],
        "cluster": "data-platform",
        "kubernetes": "cluster",
        "networks": {
            "awsApis": ["0.0.0.0/0"],
            "git": ["192.0.2.0/24"],
            "kubernetesApi": ["172.20.0.1/32", "10.0.0.0/16"],
            "web": ["10.0.16.0/20"],
        },
        "databaseSubnets": ["subnet-0000000a", "subnet-0000000b"],
        "caBundle": "certificates/eu-west-1-bundle.pem",
        "deployers": ["arn:aws:iam::012345678901:role/deployer"],
        "breakGlass": ["arn:aws:iam::012345678901:role/emergencies/break-glass"],
        "alarmTopic": "arn:aws:sns:eu-west-1:012345678901:alarms",
        "logRetentionDays": 30,
        "metadata": dict(instance),
        "application": {**instance, "port": 5434, "engineVersion": "18"},
        "connectionProxy": False,
        "airflow": {
            "image": f"apache/airflow:3.3.2@sha256:{'0' * 64}",
            "authManager": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "connectionRecycleSeconds": 900,
            "dags": {
                "repository": "https://git.example/dags.git",
                "ref": "v1.0.0",
                "folder": "dags",
            },
            **{
                name: dict(component)
                for name in ("apiServer", "scheduler", "dagProcessor", "triggerer")
            },
        },
        "workflows": [
            {
                "name": "billing",
                "writes": True,
                "reads": ["reference"],
                "connectionLimit": 20,
                "schemaVersion": 3,
                "schemaVersions": [2, 3],
            },
            {"name": "reference", "writes": True, "connectionLimit": 10, "schemaVersion": 1},
            {
                "name": "tax-reports",
                "writes": False,
                "reads": ["billing", "reference"],
                "connectionLimit": 5,
                "schemaVersion": 1,
            },
        ],
        "people": [
            {
                "name": "analysts",
                "principal": "arn:aws:iam::012345678901:role/analysts",
                "reads": ["billing"],
                "expires": "2027-01-31",
                "connectionLimit": 3,
            }
        ],
        "agents": [
            {
                "name": "report-writer",
                "principal": "arn:aws:iam::012345678901:role/report-writer",
                "reads": ["billing", "reference"],
                "expires": "2026-12-01",
                "connectionLimit": 2,
            }
        ],
    }


@pytest.fixture
def edited(config: dict[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The configuration after edits: path such as `workflows.2.name` to value, `...` to remove."""

    def edit(edits: Mapping[str, Any]) -> dict[str, Any]:
        for path, value in edits.items():
            *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
            at: Any = config
            for parent in parents:
                at = at[parent]
            if value is ...:
                del at[last]
            elif isinstance(at, list) and last == len(at):
                at.append(value)
            else:
                at[last] = value
        return config

    return edit


@pytest.fixture
def loaded(
    edited: Callable[[Mapping[str, Any]], dict[str, Any]], today: date
) -> Callable[[Mapping[str, Any]], Settings]:
    """The settings after edits."""
    return lambda edits: Settings.load(edited(edits), today)


@pytest.fixture
def found(today: date) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    """What is wrong with a configuration, one sentence each."""

    def find(config: Mapping[str, Any]) -> tuple[str, ...]:
        try:
            Settings.load(config, today)
        except SettingsError as error:
            return error.problems
        return ()

    return find


@pytest.fixture
def problems(
    edited: Callable[[Mapping[str, Any]], dict[str, Any]],
    found: Callable[[Mapping[str, Any]], tuple[str, ...]],
) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    """What is wrong with the configuration after edits."""
    return lambda edits: found(edited(edits))


@pytest.fixture
def problem(
    problems: Callable[[Mapping[str, Any]], tuple[str, ...]],
) -> Callable[[Mapping[str, Any]], str]:
    """The one thing that is wrong after edits."""

    def only(edits: Mapping[str, Any]) -> str:
        (sentence,) = problems(edits)
        return sentence

    return only


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """An empty folder in which the command line is used."""
    return Desk(tmp_path, monkeypatch, capsys)
