"""The example DAGs, run by Airflow's own `dag.test`, each with its workflow's role and login.

The schemas and roles are made as the program makes them; who is told what when an agent wants more
is checked here, the pods and the scheduler are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from components.airflow_connection import postgres_connection
from local.account import service
from local.paths import Paths
from tests.airflow.home import make_home, needs_image, run
from tests.local.account_fixtures import (
    ACCOUNT,
    MASTER,
    REGION,
    LocalAccount,
    allow,
    document,
    instance_input,
)

pytestmark = needs_image

METADATA, APPLICATION = "airflow-dev-metadata", "airflow-dev-application"
PORTS = {METADATA: 5433, APPLICATION: 5434}
TOLD = {
    "another_connection": (
        "Role airflow-dev-workflow-marketing lacks secretsmanager:GetSecretValue on secret "
        "airflow/dev/connections/billing, so this task has no connection 'billing'"
    ),
    "another_schema": "permission denied for schema dev_billing_v1",
    "another_identity": "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    "metadata_database": 'PAM authentication failed for user "airflow_dev_scheduler"',
    "master_secret": "is not authorized to perform: secretsmanager:GetSecretValue on resource",
}
"""What each task of the agent is told; it has no other that fails."""
READS = {"billing": ["reference"], "reference": [], "marketing": []}
_RUN = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
from airflow.dag_processing.bundles.manager import DagBundlesManager
DagBundlesManager().sync_bundles_to_db()
folder, *dag_ids = sys.argv[1:]
bag = DagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags")
runs = [bag.dags[dag_id].test() for dag_id in dag_ids]
print(json.dumps([{ti.task_id: ti.state for ti in run.get_task_instances()} for run in runs]))
"""


@dataclass(frozen=True)
class Workflows:
    """Three workflows with their schemas, roles, identities and connections."""

    account: LocalAccount
    home: Path

    def master(
        self, identifier: str = APPLICATION, database: str = "application"
    ) -> psycopg.Connection[Any]:
        """A session of the master."""
        password = self.account.master_password(identifier)
        return self.account.connect(identifier, MASTER, password, database)

    def run(self, workflow: str, *dag_ids: str) -> tuple[list[dict[str, str]], str]:
        """Run DAGs as the pods of a workflow; the states of their tasks, and the log."""
        token = self.home / f"{workflow}.jwt"
        token.write_text(self.account.issuer.mint("airflow-dev", f"workflow-{workflow}"))
        bundle = {
            "name": "dags",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(self.home / "dags")},
        }
        environment = {
            "AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/airflow-dev-workflow-{workflow}",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ENDPOINT_URL": self.account.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.account.paths.ca_bundle),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__WORKERS__SECRETS_BACKEND": "workflow_secrets.WorkflowSecretsBackend",
            "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps(
                {"connections_prefix": "airflow/dev/connections"}
            ),
        }
        folder = str(self.home / "dags")
        done = run(self.home, "-c", _RUN, folder, *dag_ids, environment=environment, seconds=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def _statements() -> Iterator[str]:
    for workflow in READS:
        names = [f"dev_{workflow}_{kind}" for kind in ("owner", "writer", "reader")]
        owner, writer, reader = names
        schema = f"dev_{workflow}_v1"
        yield from (f"CREATE ROLE {name} NOLOGIN" for name in names)
        yield f"GRANT {owner} TO CURRENT_USER"
        yield f"CREATE SCHEMA {schema} AUTHORIZATION {owner}"
        yield f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {writer}"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {reader}"
        yield f"GRANT {writer} TO CURRENT_USER"
        yield (
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {writer} IN SCHEMA {schema} "
            f"GRANT SELECT ON TABLES TO {reader}"
        )
    for workflow, reads in READS.items():
        schemas = ", ".join(f"dev_{name}_v1" for name in (workflow, *reads))
        yield f"CREATE ROLE dev_{workflow} LOGIN NOINHERIT IN ROLE rds_iam, dev_{workflow}_writer"
        yield f"ALTER ROLE dev_{workflow} SET role = dev_{workflow}_writer"
        yield f"ALTER ROLE dev_{workflow} SET search_path = {schemas}"
        yield f"GRANT CONNECT ON DATABASE application TO dev_{workflow}"
        yield from (f"GRANT dev_{other}_reader TO dev_{workflow}_writer" for other in reads)


def _identity(account: LocalAccount, workflow: str) -> None:
    found, iam = account.wait(APPLICATION), account.client("iam")
    endpoint = found["Endpoint"]
    connection = postgres_connection(
        host=endpoint["Address"],
        port=endpoint["Port"],
        login=f"dev_{workflow}",
        database="application",
    )
    secret = account.client("secretsmanager").create_secret(
        Name=f"airflow/dev/connections/{workflow}", SecretString=json.dumps(connection)
    )
    issuer = account.issuer.host_path
    claims = {
        f"{issuer}:sub": f"system:serviceaccount:airflow-dev:workflow-{workflow}",
        f"{issuer}:aud": "sts.amazonaws.com",
    }
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": account.provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": claims},
    }
    name = f"airflow-dev-workflow-{workflow}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    user = f"{found['DbiResourceId']}/dev_{workflow}"
    rights = document(
        allow("rds-db:connect", f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{user}"),
        allow("secretsmanager:GetSecretValue", secret["ARN"]),
    )
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=rights)


@pytest.fixture(scope="module")
def workflows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflows]:
    account = LocalAccount(Paths(tmp_path_factory.mktemp("account")))
    account.start()
    try:
        made = Workflows(account, make_home(tmp_path_factory.mktemp("dags") / "home"))
        for identifier, port in PORTS.items():
            account.client("rds").create_db_instance(**instance_input(identifier, port))
        with made.master(METADATA, "postgres") as connection:
            connection.execute("CREATE ROLE airflow_dev_scheduler LOGIN IN ROLE rds_iam")
        with made.master(database="postgres") as connection:
            connection.execute("CREATE DATABASE application")
        with made.master() as connection:
            for statement in _statements():
                connection.execute(sql.SQL(statement))
        for workflow in READS:
            _identity(account, workflow)
        migrated = run(made.home, "-m", "airflow", "db", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield made
    finally:
        service.stop(account.paths)


def test_billing_reads_what_reference_publishes_and_may_run_twice(workflows: Workflows) -> None:
    for workflow in ("reference", "billing"):
        runs, log = workflows.run(workflow, workflow, workflow)
        assert [set(states.values()) for states in runs] == [{"success"}] * 2, log
    assert log.count("DE     120.00 EUR") == 2
    with workflows.master() as connection:
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM dev_reference_v1.exchange_rate),"
            " (SELECT count(*) FROM dev_billing_v1.invoice),"
            " (SELECT sum(euros) FROM dev_billing_v1.revenue)"
        ).fetchone()
    assert counted == (3, 4, Decimal("442.50"))


def test_every_attempt_of_the_agent_is_told_what_it_lacks(workflows: Workflows) -> None:
    (own, agents), log = workflows.run("marketing", "marketing", "marketing.agent-report")
    assert set(own.values()) == {"success"}
    assert agents == {"own_report": "success", **dict.fromkeys(TOLD, "failed")}
    for sentence in TOLD.values():
        assert log.count(sentence) >= 2, (sentence, log)  # retries are at least 1
    # PostgreSQL tells nobody why a token opens nothing; the endpoint's log does.
    [*_, refused] = workflows.account.journal(METADATA)
    assert refused["reason"].startswith(
        "no statement of role airflow-dev-workflow-marketing allows rds-db:connect on "
    )
