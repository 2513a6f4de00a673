"""Mistakes in what an environment's Airflow is made of: refused at once, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.components.airflow_example import CONFIG_MAP, NETWORK, airflow, airflow_args, manifest

if TYPE_CHECKING:
    from tests.conftest import Record

SIZES = airflow_args().sizes


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"identities": {}}, r"identities has \[\]; needed are exactly \['api-server', "),
        (
            {"sizes": {"scheduler": SIZES["scheduler"]}},
            r"sizes has \['scheduler'\]; needed are exactly",
        ),
        (
            {"key_secrets": {"fernet": "a", "jwt": "b"}},
            r"key_secrets has \['fernet', 'jwt'\]; needed are exactly \['api', 'fernet', 'jwt'\]",
        ),
        (
            {"sizes": {**SIZES, "scheduler": replace(SIZES["scheduler"], workers=2)}},
            "workers of 'scheduler' is 2; only 'api-server' has workers; set 1",
        ),
        (
            {"workflows": [*airflow_args().workflows, airflow_args().workflows[0]]},
            "workflows names 'billing' twice",
        ),
        ({"home": {"workflows.json": "{}"}}, "home has 'workflows.json', which is written here"),
        ({"home": {"dags/one.py": ""}}, "home has 'dags/one.py'; a ConfigMap holds files without"),
        ({"home": {"big": "x" * 1024 * 1024}}, r"home has \d+ bytes; a ConfigMap holds 1048576"),
    ],
)
def test_mistakes_are_refused_in_words(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        airflow_args(**changed)


@pytest.mark.parametrize(
    ("port", "whose"),
    [(5434, "the application instance"), (22, "the git server"), (443, "AWS's APIs")],
)
def test_tasks_must_not_be_let_to_the_metadata_database(port: int, whose: str) -> None:
    with pytest.raises(ValueError, match=f"^metadata_port is {port}, also the port of {whose}"):
        replace(NETWORK, git_port=22, metadata_port=port)


def test_an_environment_without_workflows_is_no_mistake(recorded: Record) -> None:
    recording = recorded(lambda: airflow(workflows=()))
    settings = manifest(recording, CONFIG_MAP, "airflow-config")["data"]
    assert settings["AIRFLOW__CORE__PARALLELISM"] == "1"
