"""Rules for the pods of tasks: judged by their template, which is a file in a ConfigMap.

That they are locked down as other pods are is judged in `workloads`. Which IAM role a workflow's
tasks have, and what it may do, is judged where IAM is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from policies.pods import CONFIG_MAP, DEPLOYMENT, environment, part_of, pods_of
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.airflow import SCHEDULER
from policies.rules.cluster import ROLE, ROLE_BINDING, SERVICE_ACCOUNT
from policies.rules.cluster_access import bound_accounts
from policies.rules.databases import INSTANCE
from policies.values import Json

WORKER = "worker"
TEMPLATE = "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE"

# What opens the metadata database, or signs and decrypts what is in it.
_NOT_FOR_TASKS = re.compile(
    r"SQL_ALCHEMY_CONN|FERNET_KEY|JWT_(?:SECRET|PRIVATE_KEY)|__SECRET_KEY|^AIRFLOW_CONFIG$"
    r"|RESULT_BACKEND|^AIRFLOW__SECRETS__"
)


@rule_in_stack(
    "airflow-task-template",
    of=(DEPLOYMENT,),
    severity=Severity.CRITICAL,
    says="The pods of tasks are made from a template of this stack, one pod in one file.",
    mend=f"Mount a ConfigMap with one pod, and name its file in {TEMPLATE}.",
)
def airflow_task_template(deployment: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent, the executor makes a pod of its own, with none of what is asked here."""
    for pod in pods_of(deployment):
        if pod.component != SCHEDULER:
            continue
        for container in pod.containers:
            if container.kind != "containers":
                continue
            file = environment(stack, pod, container).get(TEMPLATE)
            mounted = {one.value("mountPath"): one for one in container.parts("volumeMounts")}
            mount = mounted.get(file) if isinstance(file, str) else None
            volumes = {one.value("name"): one for one in pod.spec.parts("volumes")}
            volume = volumes.get(mount.value("name")) if mount else None
            name = volume.value("configMap.name") if volume else None
            key = mount.value("subPath") if mount else None
            if _templates(stack, name, pod.namespace, key) != 1:
                yield f"{TEMPLATE} is {file}, where this stack mounts no file with one pod"


@rule(
    "airflow-task-label",
    of=(CONFIG_MAP,),
    severity=Severity.CRITICAL,
    says="The pods of tasks are labelled as tasks', so that their network policy is for them.",
    mend=f"Set the label component of the template to {WORKER}.",
)
def airflow_task_label(config_map: Resource, _config: Config) -> Iterator[str]:
    """With another component's label they have its way to the metadata database."""
    for pod in pods_of(config_map):
        if pod.component != WORKER:
            yield f"label component of tasks is {pod.component}, not {WORKER}"


@rule_in_stack(
    "airflow-worker-no-metadata-db",
    of=(CONFIG_MAP,),
    severity=Severity.CRITICAL,
    says="A task is told neither where the metadata database is nor any key of Airflow's.",
    mend="Take the variable, the source of variables or the container away from the template.",
)
def airflow_worker_no_metadata_db(
    config_map: Resource, stack: Stack, _config: Config
) -> Iterator[str]:
    """Neither by name nor by value, and nothing that says it all, as ConfigMaps may get more."""
    hosts = [str(one.value("identifier")) for one in stack.of(INSTANCE) if one.name == "metadata"]
    for pod in pods_of(config_map):
        for container in pod.containers:
            if container.items("envFrom"):
                yield f"envFrom of {container.label} is not empty: tasks get all that is in there"
            for variable in container.parts("env"):
                name, value = str(variable.value("name")), str(variable.value("value"))
                if _NOT_FOR_TASKS.search(name):
                    yield f"{name} of {container.label} is Airflow's own: tasks must not have it"
                elif any(host in value for host in hosts):
                    yield f"{name} of {container.label} names the metadata instance"
            words = [*container.items("command"), *container.items("args")]
            if any("fetch_keys" in str(one) for one in words):
                yield f"{container.label} fetches keys: tasks must not have any"


@rule(
    "airflow-task-once",
    of=(CONFIG_MAP,),
    severity=Severity.MEDIUM,
    says="The pod of a task is neither started again nor moved: Airflow decides on a retry.",
    mend="Set restartPolicy to Never, safe-to-evict to false and do-not-disrupt to true.",
)
def airflow_task_once(config_map: Resource, _config: Config) -> Iterator[str]:
    """Absent, it is started again, and moved as others are: its work would begin anew."""
    wanted = {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }
    for pod in pods_of(config_map):
        if pod.spec.value("restartPolicy") != "Never":
            yield "restartPolicy of tasks is not Never: a task would run twice unseen"
        annotations = pod.metadata.mapping("annotations")
        for name, value in wanted.items():
            if annotations.get(name) != value:
                yield f"annotation {name} of tasks is not {value}: a task is moved while it works"


@rule_in_stack(
    "airflow-task-no-kubernetes-api",
    of=(ROLE_BINDING,),
    severity=Severity.CRITICAL,
    says="Only the scheduler starts pods, and no workflow's account may do anything.",
    mend="Bind a role that creates pods to airflow-scheduler only, and none to workflows.",
    controls=("CIS K8s 5.1.4",),
)
def airflow_task_no_kubernetes_api(
    binding: Resource, stack: Stack, _config: Config
) -> Iterator[str]:
    """Whoever starts a pod chooses its account, and so may be any other."""
    accounts = {
        (str(one.value("metadata.namespace")), str(one.value("metadata.name"))): one
        for one in stack.of(SERVICE_ACCOUNT)
    }
    creates = any(_creates_pods(one) for one in stack.of(ROLE) if _is_bound(one, binding))
    for namespace, name in bound_accounts(binding):
        account = accounts.get((str(namespace), str(name)))
        component = part_of(account).mapping("metadata.labels").get("component") if account else ""
        if component == WORKER:
            yield f"subjects has {name}, a workflow's: its tasks could be more than tasks"
        elif creates and component != SCHEDULER:
            yield f"{name} is no scheduler and starts pods: it could be any other account"


def _templates(stack: Stack, name: Json, namespace: Json, key: Json) -> int:
    """How many pods are in a file of a ConfigMap."""
    return sum(
        pod.spec.path == f"data.{key}" and PurePosixPath(str(key)).suffix == ".yaml"
        for one in stack.of(CONFIG_MAP)
        if (one.value("metadata.name"), one.value("metadata.namespace")) == (name, namespace)
        for pod in pods_of(one)
    )


def _is_bound(role: Resource, binding: Resource) -> bool:
    named = (binding.value("roleRef.name"), binding.value("metadata.namespace"))
    return (role.value("metadata.name"), role.value("metadata.namespace")) == named


def _creates_pods(role: Resource) -> bool:
    return any("create" in one.items("verbs") for one in part_of(role).parts("rules"))
