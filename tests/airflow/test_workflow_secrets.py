"""Connections of tasks from Secrets Manager, with their roles; and keys of Airflow's own pods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.airflow.home import make_home, needs_image, run
from tests.local.account_fixtures import REGION, LocalAccount, allow, document, unique

pytest_plugins = ["tests.local.account_fixtures"]
pytestmark = needs_image

_LOOK_UP = """
import json, sys
from airflow.sdk import Connection
def look_up(conn_id):
    try:
        return Connection.get(conn_id).get_uri()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
print(json.dumps({conn_id: look_up(conn_id) for conn_id in sys.argv[1:]}))
"""
# As the program writes it.
_CONNECTION = {
    "conn_type": "postgres",
    "host": "database.example.com",
    "port": 5434,
    "login": "local_marketing",
    "schema": "application",
    "extra": {"iam": True, "aws_conn_id": None, "sslmode": "verify-full"},
}


@dataclass(frozen=True)
class Task:
    """A pod of workflow `marketing`, in an account with secrets."""

    account: LocalAccount
    prefix: str
    role: str
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What the pod has."""
        token = self.home / "token.jwt"
        token.write_text(self.account.issuer.mint("airflow-dev", "workflow-marketing"))
        return {
            "AWS_ROLE_ARN": self.role,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ENDPOINT_URL": self.account.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AIRFLOW__WORKERS__SECRETS_BACKEND": "workflow_secrets.WorkflowSecretsBackend",
            "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps(
                {"connections_prefix": self.prefix}
            ),
            **more,
        }

    def look_up(self, *conn_ids: str, **more: str) -> Mapping[str, str]:
        """What code of a task gets for connections."""
        done = run(self.home, "-c", _LOOK_UP, *conn_ids, environment=self.environment(**more))
        assert done.returncode == 0, done.stderr
        answers: Mapping[str, str] = json.loads(done.stdout.splitlines()[-1])
        return answers

    def fetch(self, *keys: str) -> tuple[int, str]:
        """Run the init container; its exit code, and what it said."""
        script = str(self.home / "config" / "fetch_keys.py")
        (self.home / "keys").mkdir(exist_ok=True)
        done = run(
            self.home, script, "--folder", str(self.home / "keys"), *keys,
            environment=self.environment(),
        )  # fmt: skip
        assert done.stdout == ""
        return done.returncode, done.stderr.strip()


@pytest.fixture(scope="module")
def task(local_account: LocalAccount, tmp_path_factory: pytest.TempPathFactory) -> Task:
    prefix = unique("airflow") + "/connections"
    client = local_account.client("secretsmanager")
    arns = {
        name: client.create_secret(Name=f"{prefix}/{name}", SecretString=json.dumps(_CONNECTION))[
            "ARN"
        ]
        for name in ("billing", "marketing")
    }
    role = local_account.service_account_role(
        "workflow-marketing",
        read=document(allow("secretsmanager:GetSecretValue", arns["marketing"])),
    )
    home = make_home(tmp_path_factory.mktemp("secrets") / "home")
    return Task(local_account, prefix, role, home)


def test_a_task_has_its_own_connection_and_learns_why_it_has_no_other(task: Task) -> None:
    answers = task.look_up("marketing", "billing", "reference", "aws_default", "biling")
    assert answers["marketing"].startswith(
        "postgres://local_marketing@database.example.com:5434/application?"
    )
    role = task.role.rpartition("/")[2]
    for other in ("billing", "reference"):
        # The second is no secret at all, which a role without a right to it is not told.
        assert answers[other].startswith(
            f"AirflowSecretsBackendAccessDenied: Role {role} lacks secretsmanager:GetSecretValue "
            f"on secret {task.prefix}/{other}, so this task has no connection '{other}'"
        )
        assert "is not authorized to perform: secretsmanager:GetSecretValue" in answers[other]
    # Ordinary in Airflow, and nobody's secret: nothing is asked, nothing is said.
    for unknown in ("aws_default", "biling"):
        assert answers[unknown] == (
            f"AirflowNotFoundException: The conn_id `{unknown}` isn't defined"
        )


def test_a_secrets_manager_that_is_away_is_told_too(task: Task) -> None:
    answers = task.look_up(
        "marketing",
        AWS_ENDPOINT_URL_SECRETS_MANAGER="http://127.0.0.1:9",
        AWS_MAX_ATTEMPTS="1",
    )
    assert "could not be read from secret" in answers["marketing"]
    assert "AWS was not reached: Could not connect to the endpoint URL" in answers["marketing"]


def test_keys_come_into_files_for_the_pods_user_alone(task: Task) -> None:
    secret = f"{task.prefix}/marketing"
    for _ in range(2):  # the second time in a pod whose container was restarted
        assert task.fetch(f"fernet={secret}") == (0, "")
    [file] = (task.home / "keys").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("fernet", 0o400)
    assert json.loads(file.read_text()) == _CONNECTION


def test_a_key_that_cannot_be_read_is_a_sentence(task: Task) -> None:
    code, said = task.fetch(f"jwt={task.prefix}/billing")
    assert code == 1
    assert said.startswith(f"The key jwt cannot be read from {task.prefix}/billing: ")
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in said
    assert not (task.home / "keys" / "jwt").exists()


@pytest.mark.parametrize("given", ["fernet", "=secret", "../x=secret"])
def test_a_key_without_a_file_or_a_secret_is_refused(task: Task, given: str) -> None:
    code, said = task.fetch(given)
    assert code == 2
    assert f"{given!r} is not FILE=SECRET" in said
