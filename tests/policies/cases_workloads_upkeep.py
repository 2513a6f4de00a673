"""Cases of the rules in `policies/rules/workloads_upkeep.py`."""

from __future__ import annotations

from policies.pods import CONFIG_MAP
from tests.policies.cases import HOLDS, LATER, Case, Change, drop, edit, put
from tests.policies.cases_workloads import (
    FIRST,
    KEYS,
    MIGRATION,
    POD,
    SCHEDULER,
    TEMPLATE,
    with_container,
    with_spec,
)

CONFIG = (CONFIG_MAP, "prod-airflow-airflow-config")
IMAGE = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/airflow"
DIGEST = f"sha256:{'ab' * 32}"


def variable(name: str, value: object, *, at: str = FIRST) -> Change:
    """Give a container one more variable."""
    return edit(f"{at}.env", lambda given: [*(given or ()), {"name": name, "value": value}])


def task_variable(name: str, value: object) -> Change:
    """Give the container of tasks this variable only, beside those for TLS."""
    tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/etc/rds/ca.pem", name: value}
    return with_container("env", [{"name": key, "value": one} for key, one in tls.items()])


def _secret(variable_name: str) -> dict[str, object]:
    reference = {"secretKeyRef": {"name": "keys", "key": "x"}}
    return {"name": variable_name, "valueFrom": reference}


CASES = (
    Case(
        rule="k8s-no-secret-env",
        at=MIGRATION,
        path=f"{FIRST}.env.0.value",
        breaks=(
            variable("DATABASE_PASSWORD", "hunter2"),
            variable("AWS_SECRET_ACCESS_KEY", "x"),
            variable("SMTP_TOKEN", 1),
            variable("PGPASSWORD", "hunter2"),
            variable("BACKEND_KEY_CMD", "echo hunter2"),
            variable("DSN", "postgresql://airflow:hunter2@host:5432/airflow"),
            variable("CONNECTION", '{"login": "a", "password": "hunter2"}'),
            variable("ID", "AKIAIOSFODNN7EXAMPLE"),
            variable("PEM", "-----BEGIN RSA PRIVATE KEY-----"),
            put(f"{FIRST}.args", to=["--password", "hunter2"]),
            put(f"{FIRST}.command", to=["psql", "host=x password=hunter2"]),
            put(f"{FIRST}.env.0", to=_secret("SETTING")),
            put(f"{FIRST}.envFrom", to=[{"secretRef": {"name": "keys"}}]),
            put(
                f"{POD}.initContainers",
                to=[{"name": "a", "env": [{"name": "TOKEN", "value": "x"}]}],
            ),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
    ),
    Case(
        rule="k8s-no-secret-env",
        at=CONFIG,
        path="data.SMTP_PASSWORD",
        breaks=(
            put("data.SMTP_PASSWORD", to="hunter2"),
            put("data.AIRFLOW_CONN_X", to="http://a:hunter2@host"),
            put("data.AIRFLOW_CONN_X", to='{"conn_type":"http","password":"x"}'),
            put("binaryData", to={"id_rsa": "-----BEGIN PRIVATE KEY-----"}),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        also=frozenset({"secret-not-in-plain"}),
    ),
    Case(
        rule="k8s-no-secret-env",
        at=TEMPLATE,
        breaks=(task_variable("GIT_TOKEN", "hunter2"),),
    ),
    Case(
        rule="k8s-digest",
        at=SCHEDULER,
        path=f"{KEYS}.image",
        breaks=(
            put(f"{KEYS}.image", to=f"{IMAGE}@sha256:0123"),
            put(f"{KEYS}.image", to=f"{IMAGE}:3.3.2"),
            put(f"{KEYS}.image", to=IMAGE),
        ),
        zero="",
        also=frozenset({"airflow-one-image", "k8s-image-tag"}),
    ),
    Case(
        rule="k8s-digest",
        at=TEMPLATE,
        breaks=(with_container("image", f"{IMAGE}:3.3.2"),),
        also=frozenset({"airflow-one-image", "k8s-image-tag"}),
    ),
    Case(
        rule="k8s-image-tag",
        at=SCHEDULER,
        path=f"{KEYS}.imagePullPolicy",
        breaks=(
            put(f"{KEYS}.imagePullPolicy", to="Never"),
            put(f"{KEYS}.image", to=f"{IMAGE}:latest"),
            put(f"{KEYS}.image", to=IMAGE),
            put(f"{KEYS}.image", to="localhost:5000/airflow"),
            put(f"{KEYS}.image", to=f"{IMAGE}:3.3.2@{DIGEST}0"),
        ),
        zero="",
        # With a digest, Kubernetes' default does.
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="k8s-image-tag",
        at=("kubernetes:apps/v1:Deployment", "dev-airflow-scheduler"),
        stack="dev",
        path=f"{KEYS}.imagePullPolicy",
        breaks=(
            put(f"{KEYS}.imagePullPolicy", to="IfNotPresent"),
            put(f"{KEYS}.image", to="apache/airflow:latest"),
            put(f"{KEYS}.image", to="apache/airflow"),
        ),
        zero="",
    ),
    Case(
        rule="k8s-limits",
        at=SCHEDULER,
        path=f"{FIRST}.resources.limits.memory",
        breaks=(
            put(f"{FIRST}.resources.limits.memory", to="a lot"),
            put(f"{FIRST}.resources.limits.cpu", to="0m"),
            put(f"{FIRST}.resources.limits.ephemeral-storage", to=""),
            put(f"{FIRST}.resources.requests.memory", to=None),
            put(f"{FIRST}.resources.requests.cpu", to="-1"),
            put(f"{KEYS}.resources.limits", to=[]),
            drop(f"{KEYS}.resources"),
        ),
        zero="0",
    ),
    Case(
        rule="k8s-limits",
        at=TEMPLATE,
        breaks=(with_container("resources", {"limits": {"memory": "1Gi"}}),),
    ),
    Case(
        rule="k8s-probes",
        at=SCHEDULER,
        path=f"{FIRST}.livenessProbe",
        breaks=(
            put(f"{FIRST}.livenessProbe", to={"periodSeconds": 5}),
            put(f"{FIRST}.livenessProbe", to={"exec": {}}),
            drop(f"{FIRST}.readinessProbe"),
            drop(f"{FIRST}.startupProbe"),
        ),
        zero={},
    ),
    Case(
        rule="k8s-rollout",
        at=SCHEDULER,
        path="spec.strategy.rollingUpdate.maxSurge",
        breaks=(
            put("spec.strategy.rollingUpdate.maxSurge", to="25%"),
            put("spec.strategy.rollingUpdate.maxSurge", to=2),
            put("spec.strategy.rollingUpdate.maxSurge", to=True),
            put("spec.strategy.rollingUpdate.maxUnavailable", to=1),
            put("spec.strategy.type", to="Recreate"),
            drop("spec.strategy"),
        ),
        zero=0,
    ),
    Case(
        rule="k8s-ends-in-time",
        at=SCHEDULER,
        path=f"{POD}.terminationGracePeriodSeconds",
        breaks=(
            put(f"{POD}.terminationGracePeriodSeconds", to=5),
            put(f"{POD}.terminationGracePeriodSeconds", to=86_400),
            put(f"{POD}.terminationGracePeriodSeconds", to="60"),
        ),
        zero=0,
    ),
    Case(
        rule="k8s-ends-in-time",
        at=TEMPLATE,
        breaks=(with_spec("terminationGracePeriodSeconds", 0),),
    ),
)
