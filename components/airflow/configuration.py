"""Airflow's settings as environment variables: common ones, each component's, and a task's.

A task gets what it needs and none of the rest: no way to the metadata database, no key. What
Airflow does in its hooks is code of its own, in its configuration folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pulumi import Input, Output

from components.airflow import paths
from components.airflow.deployment_args import (
    API_SERVER_PORT,
    AirflowDeploymentArgs,
    ComponentSize,
)
from components.airflow.identity import ComponentIdentity
from components.airflow.names import (
    API_SERVER,
    DAG_PROCESSOR,
    SCHEDULER,
    TRIGGERER,
    object_name,
)

BUNDLE = "dags"
"""Name of the one DAG bundle."""
BUNDLE_REFRESH_SECONDS = 30
"""How soon a new commit of a branch is seen; a fetch that finds nothing costs one request."""
PODS_PER_LOOP = 16
"""Pods that a scheduler creates in one round of its loop, which takes about a second. By default
it is one, and a storm of tasks would wait for its pods instead of for its pools."""
API_SERVER_PATIENCE_SECONDS = 5
"""How long an API server tries to reach a metadata database that is away, before it says so."""
TASK_REQUEST_TRIES = 25
LONGEST_TASK_PAUSE_SECONDS = 10
"""How often a task asks the API server anew, and the longest pause before it does: two minutes of
connections that are refused, four of answers that do not come. A failover of the metadata instance
takes one to two. By default it gives up after half a minute, and a task that has done its work
fails because nobody hears of it."""
TASK_TOKEN_SECONDS = 1200
"""How long the API server's token of a task is valid. It is renewed by any answer in the last fifth
of that, which therefore has to be longer than a task is patient, as above."""
WEB_TOKEN_SECONDS = 86_400
"""How long a login to the web interface or the REST API is valid; nothing signed lives longer."""
ORPHANS_CHECK_SECONDS = 30
"""How soon a scheduler takes up what another one left that was killed: what it had queued, and pods
that ended unseen. That one counts as dead after 30 s, when one in its place has looked already; by
default the next look is after 300 s."""

KEYS_OF = {
    API_SERVER: ("fernet", "jwt", "api"),
    SCHEDULER: ("fernet", "jwt"),
    DAG_PROCESSOR: ("fernet",),
    TRIGGERER: ("fernet",),
}
"""Which of Airflow's keys the pods of a component hold; the migration and tasks hold none."""
_KEY_SETTINGS = {
    "fernet": ("AIRFLOW__CORE__FERNET_KEY_CMD", f"cat {paths.KEYS}/fernet"),
    # Which settings it takes depends on the kind of key, so they are written beside it.
    "jwt": ("AIRFLOW_CONFIG", f"{paths.KEYS}/airflow.cfg"),
    "api": ("AIRFLOW__API__SECRET_KEY_CMD", f"cat {paths.KEYS}/api"),
}


def key_environment(keys: Iterable[str]) -> dict[str, str]:
    """Let Airflow read `keys` from files: what is in a variable, every child process inherits."""
    return dict(_KEY_SETTINGS[key] for key in keys)


def common_environment(args: AirflowDeploymentArgs) -> dict[str, str]:
    """What all of Airflow's own components are told."""
    return {
        **_machine_environment(args),
        **_bundle_environment(args),
        **_executor_environment(args),
        "AIRFLOW__CORE__AUTH_MANAGER": args.auth_manager,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_RECYCLE": str(args.connection_recycle_seconds),
    }


def database_environment(
    args: AirflowDeploymentArgs, identity: ComponentIdentity
) -> dict[str, Input[str]]:
    """A component's own login in the metadata database; the token comes at each connection."""
    address = Output.format(
        "{}@{}:{}/{}?sslmode=verify-full",
        identity.user,
        args.metadata_host,
        args.metadata_port,
        args.metadata_database,
    )
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": Output.format("postgresql+psycopg://{}", address),
        # Airflow would derive it, with a driver that does not know `sslmode`.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": Output.format(
            "postgresql+psycopg_async://{}", address
        ),
    }


def pool_environment(size: ComponentSize) -> dict[str, str]:
    """The connections that each process of a component may hold, as they were budgeted."""
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": str(size.pool_size),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": str(size.max_overflow),
    }


def own_environment(component: str, args: AirflowDeploymentArgs) -> Mapping[str, Input[str]]:
    """What only this one of Airflow's components is told."""
    if component == API_SERVER:
        return {
            "AIRFLOW__API__HOST": "0.0.0.0",  # noqa: S104  the Service reaches the pod's address
            "AIRFLOW__API__PORT": str(API_SERVER_PORT),
            "AIRFLOW__API__WORKERS": str(args.sizes[API_SERVER].workers),
            # Somebody waits for its answer; the others wait out a failover.
            "METADATA_PATIENCE_SECONDS": str(API_SERVER_PATIENCE_SECONDS),
            "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME": str(TASK_TOKEN_SECONDS),
            "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": str(WEB_TOKEN_SECONDS),
            **_log_environment(args),
        }
    if component == SCHEDULER:
        return {"AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": str(ORPHANS_CHECK_SECONDS)}
    if component == DAG_PROCESSOR:
        return {
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": str(BUNDLE_REFRESH_SECONDS),
            # In files they would fill the pod's disk, and nobody would read them.
            "AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
        }
    if component == TRIGGERER:
        # What a task says that waits there belongs to its log.
        return _log_environment(args)
    return {}


def task_environment(args: AirflowDeploymentArgs) -> dict[str, Input[str]]:
    """Everything that a task is told. What is not here, it does not have."""
    return {
        **_machine_environment(args),
        **_bundle_environment(args),
        **_log_environment(args),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": (
            f"http://{object_name(API_SERVER)}:{API_SERVER_PORT}/execution/"
        ),
        "AIRFLOW__WORKERS__SECRETS_BACKEND": "workflow_secrets.WorkflowSecretsBackend",
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": _json(
            {"connections_prefix": f"airflow/{args.environment}/connections"}
        ),
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": str(TASK_REQUEST_TRIES),
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": str(LONGEST_TASK_PAUSE_SECONDS),
        # The image's entry point would wait for the metadata database, which tasks cannot reach.
        "CONNECTION_CHECK_MAX_COUNT": "0",
    }


def _machine_environment(args: AirflowDeploymentArgs) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": paths.AIRFLOW_HOME,
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "pod_name.pod_name",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AWS_REGION": args.region,
        "AWS_DEFAULT_REGION": args.region,
        # Every client of PostgreSQL in the pod heeds these, whatever it was told or not told.
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": paths.CA_FILE,
    }


def _bundle_environment(args: AirflowDeploymentArgs) -> dict[str, str]:
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {
            "repo_url": args.dags.repository,
            "tracking_ref": args.dags.ref,
            "subdir": args.dags.folder,
        },
    }
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": _json([bundle]),
        # The bundle looks for it in any case, and complains at length where there is none.
        "AIRFLOW_CONN_GIT_DEFAULT": _json({"conn_type": "git"}),
    }


def _log_environment(args: AirflowDeploymentArgs) -> dict[str, Input[str]]:
    return {
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": args.task_logs,
    }


def _executor_environment(args: AirflowDeploymentArgs) -> dict[str, str]:
    # Without an image of its own for tasks, the executor takes the pod template's.
    prefix = "AIRFLOW__KUBERNETES_EXECUTOR__"
    environment = {
        "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor",
        # The pools are the limit. 0 would be no limit at all.
        "AIRFLOW__CORE__PARALLELISM": str(max(1, args.slots)),
        f"{prefix}NAMESPACE": args.namespace,
        f"{prefix}POD_TEMPLATE_FILE": paths.POD_TEMPLATE_FILE,
        f"{prefix}WORKER_PODS_CREATION_BATCH_SIZE": str(PODS_PER_LOOP),
        # By default a task fails when the Kubernetes API is away for a moment.
        f"{prefix}TASK_PUBLISH_MAX_RETRIES": "-1",
        f"{prefix}DELETE_WORKER_PODS": "True",
        # A failed pod that stays is reported again whenever the watch on pods is renewed.
        f"{prefix}DELETE_WORKER_PODS_ON_FAILURE": "True",
    }
    if args.executor_kubeconfig:
        environment |= {
            f"{prefix}IN_CLUSTER": "False",
            f"{prefix}CONFIG_FILE": paths.KUBECONFIG_FILE,
        }
    return environment


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
