"""Each setting of Airflow reaches the objects that it is about, in each stack."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pytest

from local.deploy.program import ProgramError
from stacks import platform
from stacks.budget import MIGRATION_CONNECTIONS, airflow_connections
from stacks.settings import load_stack_file

if TYPE_CHECKING:
    from tests.conftest import Record
    from tests.contract.conftest import Stack

ROOT = Path(__file__).resolve().parents[2]
PG_ROLE = "postgresql:index/role:Role"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
IAM_POLICY = "aws:iam/rolePolicy:RolePolicy"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def test_airflow(stack: Stack) -> None:
    settings = stack.settings
    airflow, recycled = settings.airflow, settings.airflow.connection_recycle_seconds
    for environment in settings.environments:
        config = stack.plain(CONFIG_MAP, f"{environment}-airflow-airflow-config")["data"]
        assert config["AIRFLOW__CORE__AUTH_MANAGER"] == airflow.auth_manager
        assert config["AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_RECYCLE"] == str(recycled)
        (bundle,) = json.loads(config["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
        assert bundle["kwargs"] == {
            "repo_url": airflow.dags.repository,
            "tracking_ref": airflow.dags.ref,
            "subdir": airflow.dags.folder,
        }
        for name, size in (
            ("api-server", airflow.api_server),
            ("scheduler", airflow.scheduler),
            ("dag-processor", airflow.dag_processor),
            ("triggerer", airflow.triggerer),
        ):
            spec = stack.plain(DEPLOYMENT, f"{environment}-airflow-{name}")["spec"]
            assert spec["replicas"] == size.replicas
            (container,) = spec["template"]["spec"]["containers"]
            assert container["image"] == airflow.image
            variables = {one["name"]: one.get("value") for one in container["env"]}
            assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE"] == str(size.pool_size)
            login = stack.plain(PG_ROLE, f"{environment}-metadata-{name}-login")
            limit = airflow_connections(size, api_server=name == "api-server")
            assert login["connectionLimit"] == limit
        migration = stack.plain(PG_ROLE, f"{environment}-metadata-migration-login")
        assert migration["connectionLimit"] == MIGRATION_CONNECTIONS
        workflows = json.loads(
            stack.plain(CONFIG_MAP, f"{environment}-airflow-airflow-home")["data"]["workflows.json"]
        )
        slots = {name: one["slots"] for name, one in workflows.items()}
        assert slots == {one.name: one.connection_limit for one in settings.workflows}


def test_what_runs_inside_airflow_is_what_the_folder_holds(stack: Stack) -> None:
    files = {file.name: file.read_text("utf-8") for file in (ROOT / "airflow_home").glob("*.py")}
    assert files
    for environment in stack.settings.environments:
        data = stack.plain(CONFIG_MAP, f"{environment}-airflow-airflow-home")["data"]
        assert {name: text for name, text in data.items() if name.endswith(".py")} == files


def test_whom_pods_may_reach(stack: Stack) -> None:
    networks = stack.settings.networks
    declared = {
        cidr
        for group in (networks.aws_apis, networks.git, networks.kubernetes_api, networks.web)
        for cidr in group
    }
    databases = {"10.0.0.0/24"}  # what the look-up of a subnet answers in these tests
    for environment in stack.settings.environments:
        found = {
            peer["ipBlock"]["cidr"]
            for one in stack.recording.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
            if one.plain["metadata"]["namespace"] == f"airflow-{environment}"
            for rule, side in (
                *((rule, "to") for rule in one.plain["spec"].get("egress", [])),
                *((rule, "from") for rule in one.plain["spec"].get("ingress", [])),
            )
            for peer in rule.get(side, [])
            if "ipBlock" in peer
        }
        assert found == declared | databases


def test_airflow_reaches_the_metadata_and_tasks_the_data(stack: Stack) -> None:
    metadata = stack.settings.metadata.port
    data = stack.recording.exports["proxy" if stack.settings.connection_proxy else "application"]
    for environment in stack.settings.environments:
        ports = {
            name: {
                port["port"]
                for rule in stack.plain(NETWORK_POLICY, f"{environment}-airflow-airflow-{name}")[
                    "spec"
                ]["egress"]
                for port in rule["ports"]
            }
            for name in ("worker", "scheduler", "run-airflow-migrations")
        }
        assert data["port"] in ports.pop("worker") - {metadata}
        assert all(metadata in each and data["port"] not in each for each in ports.values())


def test_nothing_runs_before_its_rights_and_keys_are_there(stack: Stack) -> None:
    for environment in stack.settings.environments:
        jobs = [
            one
            for one in stack.recording.of_type("kubernetes:batch/v1:Job")
            if one.plain["metadata"]["namespace"] == f"airflow-{environment}"
        ]
        (job,) = jobs
        needed = {
            ("aws:lambda/invocation:Invocation", f"airflow-keys-{environment}"),
            ("aws:s3/bucketPolicy:BucketPolicy", "task-logs-policy"),
            (IAM_POLICY, f"{environment}-metadata-api-server-read-fernet-key"),
            *(
                (IAM_POLICY, f"{environment}-{one.name}-read-connection")
                for one in stack.settings.workflows
            ),
        }
        waits = map(stack.recording.by_urn, job.dependencies)
        assert needed <= {(one.type, one.name) for one in waits}


def test_a_deployment_without_the_ca_bundle_is_refused(
    recorded: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_stack_file(ROOT, "local", today=date(2026, 11, 22))
    settings = settings.model_copy(update={"ca_bundle": "certificates/none.pem"})
    recorded(lambda: platform.declare(settings, stack="local"), stack="local")  # a preview

    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(ProgramError) as caught:
        recorded(lambda: platform.declare(settings, stack="local"), stack="local")
    assert str(caught.value) == (
        'airflow-postgres:caBundle is "certificates/none.pem", which does not exist; it must be '
        "the CA certificates of RDS, which all pods verify the databases with; fetch it with "
        "`make certificates`."
    )


def test_where_kubernetes_is(stack: Stack) -> None:
    provider = stack.recording.one("pulumi:providers:kubernetes").plain
    if stack.settings.kubernetes == "local-node":
        assert provider["renderYamlToDirectory"] == ".local/manifests"
        assert "kubeconfig" not in provider
        return
    assert "renderYamlToDirectory" not in provider
    config = json.loads(provider["kubeconfig"])
    (cluster,) = config["clusters"]
    assert cluster["cluster"]["server"] == "https://EXAMPLE.gr7.eu-west-1.eks.amazonaws.com"
    (user,) = config["users"]
    assert stack.settings.cluster in user["user"]["exec"]["args"]
    assert user["user"].keys() == {"exec"}


def test_logs_of_tasks_are_kept_as_long_as_other_logs(stack: Stack) -> None:
    lifecycle = stack.plain(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "task-logs-lifecycle"
    )
    (rule,) = lifecycle["rules"]
    assert rule["expiration"] == {"days": stack.settings.log_retention_days}
    protected = stack.settings.metadata.protected
    bucket = stack.recording.one("aws:s3/bucket:Bucket")
    assert bucket.options.protect is protected
    assert bucket.plain["forceDestroy"] is not protected
