"""Cases of the rules in `policies/rules/airflow.py` and `policies/rules/airflow_tasks.py`."""

from __future__ import annotations

from policies.pods import JOB
from policies.rules.cluster import ROLE_BINDING
from tests.policies.cases import HOLDS, LATER, Case, drop, edit, put
from tests.policies.cases_cluster_access import BINDING
from tests.policies.cases_workloads import (
    API_SERVER,
    FIRST,
    KEYS,
    MIGRATION,
    POD,
    SCHEDULER,
    TEMPLATE,
    template,
    with_container,
    with_file,
    with_spec,
)
from tests.policies.cases_workloads_upkeep import (
    CONFIG,
    DIGEST,
    IMAGE,
    task_variable,
    variable,
)

TRIGGERER = (SCHEDULER[0], "prod-airflow-triggerer")
TEMPLATE_SETTING = "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
LABEL = "component"

COMPONENTS = (
    Case(
        rule="airflow-min-version",
        at=SCHEDULER,
        path=f"{KEYS}.image",
        breaks=(
            put(f"{KEYS}.image", to=f"{IMAGE}:3.2.1@{DIGEST}"),
            put(f"{KEYS}.image", to=f"{IMAGE}:slim-3.1.9-python3.13@{DIGEST}"),
            put(f"{KEYS}.image", to=f"{IMAGE}:v2.11@{DIGEST}"),
        ),
        zero="",
        # What has no tag tells nothing; other rules refuse it.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        also=frozenset({"airflow-one-image"}),
    ),
    Case(
        rule="airflow-one-image",
        at=MIGRATION,
        breaks=(
            put(f"{FIRST}.image", to=f"{IMAGE}:3.3.2@{DIGEST}"),
            put(f"{FIRST}.image", to=f"somebody-elses/airflow:3.3.2@{DIGEST}"),
        ),
    ),
    Case(
        rule="airflow-one-image",
        at=TEMPLATE,
        breaks=(with_container("image", f"{IMAGE}:3.3.2@{DIGEST}"),),
    ),
    Case(
        rule="airflow-jwt-scope",
        at=TRIGGERER,
        path=f"{KEYS}.args",
        breaks=(
            edit(f"{KEYS}.args", lambda words: [*words, "jwt=airflow/prod/keys/jwt"]),
            edit(f"{KEYS}.args", lambda words: [*words, "other=airflow/prod/keys/jwt"]),
            variable("AIRFLOW_CONFIG", "/run/airflow/keys/airflow.cfg"),
            variable("AIRFLOW__API_AUTH__JWT_SECRET_CMD", "cat /run/airflow/keys/x"),
        ),
        zero=[],
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="airflow-fernet-scope",
        at=MIGRATION,
        breaks=(
            variable("AIRFLOW__CORE__FERNET_KEY_CMD", "cat /run/airflow/keys/x"),
            put(f"{FIRST}.args", to=["fetch_keys.py", "fernet=airflow/prod/keys/fernet"]),
        ),
    ),
    Case(
        rule="airflow-session-key-scope",
        at=SCHEDULER,
        breaks=(
            variable("AIRFLOW__API__SECRET_KEY_CMD", "cat /run/airflow/keys/x"),
            edit(f"{KEYS}.args", lambda words: [*words, "api=airflow/prod/keys/api"]),
        ),
    ),
    Case(
        rule="airflow-auth-manager",
        at=CONFIG,
        path="data.AIRFLOW__CORE__AUTH_MANAGER",
        breaks=(
            put("data.AIRFLOW__CORE__AUTH_MANAGER", to=SIMPLE),
            put("data.AIRFLOW__CORE__AUTH_MANAGER", to=["x"]),
        ),
        zero="",
    ),
    Case(
        rule="airflow-auth-manager",
        at=API_SERVER,
        breaks=(variable("AIRFLOW__CORE__AUTH_MANAGER", SIMPLE),),
    ),
    Case(
        rule="airflow-expose-config",
        at=CONFIG,
        path="data.AIRFLOW__API__EXPOSE_CONFIG",
        breaks=(
            put("data.AIRFLOW__API__EXPOSE_CONFIG", to="True"),
            put("data.AIRFLOW__API__EXPOSE_CONFIG", to="non-sensitive-only"),
            put("data.AIRFLOW__WEBSERVER__EXPOSE_CONFIG", to="True"),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="airflow-tight-settings",
        at=CONFIG,
        path="data.AIRFLOW__CORE__TEST_CONNECTION",
        breaks=(
            put("data.AIRFLOW__CORE__TEST_CONNECTION", to="Enabled"),
            put("data.AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES", to=".*"),
            put("data.AIRFLOW__API__ACCESS_CONTROL_ALLOW_ORIGINS", to="*"),
            put("data.AIRFLOW__LOGGING__LOGGING_LEVEL", to="DEBUG"),
            put("data.AIRFLOW__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS", to="False"),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="airflow-no-examples",
        at=CONFIG,
        path="data.AIRFLOW__CORE__LOAD_EXAMPLES",
        breaks=(put("data.AIRFLOW__CORE__LOAD_EXAMPLES", to="True"),),
        zero="",
    ),
    Case(
        rule="airflow-executor",
        at=CONFIG,
        path="data.AIRFLOW__CORE__EXECUTOR",
        breaks=(
            put("data.AIRFLOW__CORE__EXECUTOR", to="LocalExecutor"),
            put("data.AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", to="default"),
            put("data.AIRFLOW__KUBERNETES_EXECUTOR__MULTI_NAMESPACE_MODE", to="True"),
        ),
        zero="",
    ),
    Case(
        rule="airflow-tls",
        at=CONFIG,
        path="data.PGSSLMODE",
        breaks=(
            put("data.PGSSLMODE", to="require"),
            put("data.PGSSLMODE", to=1),
            drop("data.PGSSLROOTCERT"),
            drop("data"),
        ),
        zero="",
    ),
    Case(
        rule="airflow-metadata-connection",
        at=(JOB, MIGRATION[1]),
        path=f"{FIRST}.env.0.value",
        breaks=(
            put(f"{FIRST}.env.0.value", to="postgresql+psycopg://u@h:5433/d?sslmode=require"),
            put(f"{FIRST}.env.1.value", to="postgresql+psycopg_async://u@h:5433/d"),
            put(f"{FIRST}.env.0.value", to="postgresql://u:p@h/d?sslmode=verify-full"),
            put(f"{FIRST}.env", to=[]),
        ),
        zero="",
        unknown=LATER,
    ),
)
TASKS = (
    Case(
        rule="airflow-task-template",
        at=TEMPLATE,
        path="data",
        breaks=(
            with_file("kind: ["),
            with_file("kind: Job"),
            with_file(None),
            put("metadata.name", to="another"),
        ),
        zero={},
        # Without them the policy of tasks is for nobody.
        also=frozenset({"k8s-selects-own-pods"}),
    ),
    Case(
        rule="airflow-task-template",
        at=SCHEDULER,
        path=f"{FIRST}.volumeMounts",
        breaks=(
            variable(TEMPLATE_SETTING, "/opt/airflow/another.yaml"),
            put(f"{POD}.volumes", to=[]),
        ),
        zero=[],
    ),
    Case(
        rule="airflow-task-label",
        at=TEMPLATE,
        breaks=(
            template(lambda pod: pod["metadata"]["labels"].update({LABEL: "scheduler"})),
            template(lambda pod: pod["metadata"].pop("labels")),
        ),
        also=frozenset({"k8s-selects-own-pods", "k8s-task-no-metadata-database"}),
    ),
    Case(
        rule="airflow-worker-no-metadata-db",
        at=TEMPLATE,
        breaks=(
            task_variable("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite://"),
            task_variable("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", "cat /x"),
            task_variable("AIRFLOW__CORE__FERNET_KEY_CMD", "cat /x"),
            task_variable("AIRFLOW__API_AUTH__JWT_SECRET_CMD", "cat /x"),
            task_variable("AIRFLOW_CONFIG", "/run/airflow/keys/airflow.cfg"),
            task_variable("HOST", "airflow-prod-metadata.45447b7afbd5.rds.amazonaws.com"),
            with_container("envFrom", [{"configMapRef": {"name": "airflow-config"}}]),
            with_container("args", ["/opt/airflow/config/fetch_keys.py"]),
        ),
    ),
    Case(
        rule="airflow-tls",
        at=TEMPLATE,
        breaks=(
            with_container("env", []),
            task_variable("PGSSLMODE", "require"),
            task_variable("PGSSLROOTCERT", "system"),
        ),
    ),
    Case(
        rule="airflow-task-once",
        at=TEMPLATE,
        breaks=(
            with_spec("restartPolicy", "OnFailure"),
            template(lambda pod: pod["metadata"].pop("annotations")),
        ),
    ),
    Case(
        rule="airflow-task-no-kubernetes-api",
        at=(ROLE_BINDING, "prod-airflow-airflow-pod-log-reader"),
        breaks=(put("roleRef.name", to="airflow-pod-launcher-role"),),
    ),
    Case(
        rule="airflow-task-no-kubernetes-api",
        at=BINDING,
        breaks=(
            edit("subjects", lambda given: [*given, {**given[0], "name": "workflow-billing"}]),
        ),
    ),
)
IN_MEMORY = Case(
    rule="airflow-keys-in-memory",
    at=SCHEDULER,
    path="spec.template.spec.volumes.2.emptyDir.medium",
    breaks=(put("spec.template.spec.volumes.2.emptyDir", to={}),),
    zero="",
)
CASES = (*COMPONENTS, IN_MEMORY, *TASKS)
