"""`AirflowDeployment`: which objects there are, in which order, called and labelled as what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from pulumi import Output

from tests.components.airflow_example import (
    CONFIG_MAP,
    DEPLOYMENT,
    FOUR,
    IMAGE,
    JOB,
    MIGRATIONS,
    NAME,
    airflow,
    airflow_args,
    manifest,
    pods,
)

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from local.deploy.registration import Registration
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:AirflowDeployment"
NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE = "kubernetes:core/v1:Service"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"

OLDEST, NEWEST = "1.31", "1.37"
"""Of Kubernetes: what EKS supports at the least, and what the types here are made from."""


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


def objects(recording: Recording) -> list[Registration]:
    """What is in the cluster."""
    return [one for one in recording if one.custom]


def whole(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with the integers that it was made of: the SDK sends them as floats."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == {
        (NAMESPACE, f"{NAME}-namespace"),
        *((DEPLOYMENT, f"{NAME}-{component}") for component in FOUR),
        *((BUDGET, f"{NAME}-{component}") for component in FOUR),
        (JOB, f"{NAME}-{MIGRATIONS}"),
        (SERVICE, f"{NAME}-api-server"),
        *((ACCOUNT, f"{NAME}-airflow-{component}") for component in FOUR),
        (ACCOUNT, f"{NAME}-airflow-migrate-database-job"),
        (ACCOUNT, f"{NAME}-workflow-billing"),
        (ACCOUNT, f"{NAME}-workflow-reference"),
        *((type_, f"{NAME}-airflow-pod-launcher") for type_ in (ROLE, BINDING)),
        *((type_, f"{NAME}-airflow-pod-log-reader") for type_ in (ROLE, BINDING)),
        *((CONFIG_MAP, f"{NAME}-airflow-{each}") for each in ("config", "home", "pod-template")),
        (CONFIG_MAP, f"{NAME}-rds-ca"),
        (POLICY, f"{NAME}-default-deny"),
        *((POLICY, f"{NAME}-airflow-{each}") for each in (*FOUR, MIGRATIONS, "worker")),
    }
    assert recording.one(COMPONENT).registered_outputs == {
        "namespace": "airflow-prod",
        "image": IMAGE,
        "service": "airflow-api-server",
    }


def test_names_in_the_cluster_are_the_charts(recording: Recording) -> None:
    assert {
        (one.type.rpartition(":")[2], one.plain["metadata"]["name"])
        for one in objects(recording)
        if one.type != JOB
    } == {
        ("Namespace", "airflow-prod"),
        ("Service", "airflow-api-server"),
        *(("Deployment", f"airflow-{each}") for each in FOUR),
        *(("PodDisruptionBudget", f"airflow-{each}") for each in FOUR),
        *(("ServiceAccount", f"airflow-{each}") for each in FOUR),
        ("ServiceAccount", "airflow-migrate-database-job"),
        ("ServiceAccount", "workflow-billing"),
        ("ServiceAccount", "workflow-reference"),
        *(("Role", f"airflow-{each}-role") for each in ("pod-launcher", "pod-log-reader")),
        *(
            ("RoleBinding", f"airflow-{each}-rolebinding")
            for each in ("pod-launcher", "pod-log-reader")
        ),
        *(("ConfigMap", f"airflow-{each}") for each in ("config", "home", "pod-template")),
        ("ConfigMap", "rds-ca"),
        ("NetworkPolicy", "default-deny"),
        *(("NetworkPolicy", f"airflow-{each}") for each in (*FOUR, MIGRATIONS, "worker")),
    }


def test_everything_is_labelled_and_in_the_namespace(recording: Recording) -> None:
    for one in objects(recording):
        metadata = one.plain["metadata"]
        labels = metadata["labels"]
        component = labels["component"]
        assert (
            labels.items()
            >= {
                "tier": "airflow",
                "release": "airflow",
                "app.kubernetes.io/name": "airflow",
                "app.kubernetes.io/component": component,
                "app.kubernetes.io/part-of": "airflow-postgres",
                "app.kubernetes.io/managed-by": "pulumi",
            }.items()
        )
        if one.type in {DEPLOYMENT, BUDGET, SERVICE}:
            assert metadata["name"] == f"airflow-{component}"
        if one.type != NAMESPACE:
            assert metadata["namespace"] == "airflow-prod"
    for component, pod in pods(recording).items():
        assert pod["metadata"]["labels"]["component"] == component
        assert pod["metadata"]["labels"].keys() == labels.keys()


def test_selectors_find_the_pods_of_their_component_alone(recording: Recording) -> None:
    selectors = {
        (one.type, one.plain["metadata"]["name"]): (
            one.plain["spec"]["selector"]
            if one.type == SERVICE
            else one.plain["spec"]["selector"]["matchLabels"]
        )
        for type_ in (DEPLOYMENT, BUDGET, SERVICE)
        for one in recording.of_type(type_)
    }
    assert len(selectors) == 9
    for (_, name), selector in selectors.items():
        found = [
            component
            for component, pod in pods(recording).items()
            if pod["metadata"]["labels"].items() >= selector.items()
        ]
        assert [f"airflow-{component}" for component in found] == [name]


def test_only_restricted_pods_are_let_in(recording: Recording) -> None:
    labels = recording.one(NAMESPACE).plain["metadata"]["labels"]
    assert {key: value for key, value in labels.items() if "pod-security" in key} == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def test_what_is_needed_comes_first(recording: Recording) -> None:
    by_urn = {one.urn: one for one in recording}

    def before(one: Registration) -> set[tuple[str, str]]:
        return {(by_urn[urn].type, by_urn[urn].name) for urn in one.dependencies}

    namespace = {(NAMESPACE, f"{NAME}-namespace")}
    for one in objects(recording):
        if one.type in {ACCOUNT, ROLE, BINDING, CONFIG_MAP, POLICY, SERVICE, BUDGET}:
            assert before(one) == namespace
    migration = recording.one(JOB)
    assert before(migration) == {
        (one.type, one.name)
        for one in objects(recording)
        if one.type in {ACCOUNT, ROLE, BINDING, CONFIG_MAP, POLICY}
    }
    migrated, serving = (JOB, migration.name), (DEPLOYMENT, f"{NAME}-api-server")
    assert {
        one.name.removeprefix(f"{NAME}-"): before(one) for one in recording.of_type(DEPLOYMENT)
    } == {
        "api-server": {migrated},
        "scheduler": {migrated, serving},
        "dag-processor": {migrated},
        "triggerer": {migrated},
    }


def test_nothing_runs_before_what_the_caller_names(recorded: Record) -> None:
    def program() -> None:
        rights = airflow(namespace="rights")
        replaced = airflow_args(namespace="airflow-prod", after=[rights])
        type(rights)("second", replaced)

    recording = recorded(program)
    first = {one.urn for one in recording.children(recording.one(COMPONENT, NAME))}
    assert first <= set(recording.one(JOB, f"second-{MIGRATIONS}").dependencies)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field(recording: Recording, version: str) -> None:
    for one in objects(recording):
        kubernetes_validate.validate(whole(one.plain), version, strict=True)
    template = manifest(recording, CONFIG_MAP, "airflow-pod-template")["data"]
    kubernetes_validate.validate(
        yaml.safe_load(template["pod_template_file.yaml"]), version, strict=True
    )


def test_a_rollout_adds_before_it_takes_away(recording: Recording) -> None:
    replicas = {}
    for one in recording.of_type(DEPLOYMENT):
        spec = one.plain["spec"]
        replicas[spec["template"]["metadata"]["labels"]["component"]] = spec["replicas"]
        assert spec["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        }
    assert replicas == {"api-server": 3, "scheduler": 1, "dag-processor": 1, "triggerer": 1}


def test_a_node_with_an_only_replica_can_be_drained(recording: Recording) -> None:
    for one in recording.of_type(BUDGET):
        spec = {key: value for key, value in one.plain["spec"].items() if key != "selector"}
        assert spec == {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}


def test_the_service_leads_to_the_api_server(recording: Recording) -> None:
    spec = recording.one(SERVICE).plain["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["ports"] == [
        {"name": "api-server", "port": 8080, "targetPort": 8080, "protocol": "TCP"}
    ]
    (container,) = pods(recording)["api-server"]["spec"]["containers"]
    assert container["ports"] == [{"name": "api-server", "containerPort": 8080}]


def test_the_folder_of_airflow_lists_the_workflows(recording: Recording) -> None:
    files = manifest(recording, CONFIG_MAP, "airflow-home")["data"]
    assert files["airflow_local_settings.py"] == "hooks\n"
    assert json.loads(files["workflows.json"]) == {
        "billing": {"service_account": "workflow-billing", "pool": "billing", "slots": 60},
        "reference": {"service_account": "workflow-reference", "pool": "reference", "slots": 20},
    }
    assert manifest(recording, CONFIG_MAP, "rds-ca")["data"] == {
        "ca.pem": "certificates of the databases"
    }


def test_values_may_come_late(recorded: Record) -> None:
    recording = recorded(lambda: airflow(task_logs=Output.from_input("s3://late/prod")))
    template = manifest(recording, CONFIG_MAP, "airflow-pod-template")["data"]
    assert "s3://late/prod" in template["pod_template_file.yaml"]


def test_two_environments_are_apart(recorded: Record, names: Names) -> None:
    def program() -> None:
        first = airflow()
        type(first)("dev-airflow", airflow_args(environment="dev", namespace="airflow-dev"))

    recording = recorded(program)
    names(objects(recording))
    physical = [
        (one.type, one.plain["metadata"].get("namespace"), one.plain["metadata"]["name"])
        for one in objects(recording)
    ]
    assert len(set(physical)) == len(physical)
