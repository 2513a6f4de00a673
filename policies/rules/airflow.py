"""Rules for Airflow itself: its version, who holds its keys, what its settings let happen.

What the pods of tasks are given is judged in `airflow_tasks`. A setting is judged as a container
gets it: its own variables over those of the ConfigMaps that it names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from policies.pods import (
    DEPLOYMENT,
    JOB,
    POD_SOURCES,
    WORKLOADS,
    Container,
    Pod,
    environment,
    pods_of,
)
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack, rule_of_stack
from policies.values import Json, NotYetKnownError, is_unknown

API_SERVER, SCHEDULER = "api-server", "scheduler"
DAG_PROCESSOR, TRIGGERER = "dag-processor", "triggerer"

_VERSION = re.compile(r"(?:slim-|v)?(\d+)\.(\d+)(?:\.(\d+))?(?![\d])")
# How a container gets one of Airflow's keys: by a file, the secret it is in, or a variable.
_KEYS = {
    "jwt": re.compile(r"(?:^|/)jwt\b|/airflow\.cfg\b|JWT_(?:SECRET|PRIVATE_KEY)"),
    "fernet": re.compile(r"(?:^|/)fernet\b|FERNET_KEY"),
    "api": re.compile(r"^api=|/keys/api\b|(?:API|WEBSERVER)__SECRET_KEY"),
}
_CONNECTIONS = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC")

# What each of these is by default is right; so is what stands here.
_TIGHT = {
    "AIRFLOW__API__ACCESS_CONTROL_ALLOW_ORIGINS": ("",),
    "AIRFLOW__API__EXPOSE_STACKTRACE": ("False",),
    "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": ("airflow.*",),
    "AIRFLOW__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS": ("True",),
    "AIRFLOW__CORE__TEST_CONNECTION": ("Disabled", "Hidden"),
    "AIRFLOW__CORE__UNIT_TEST_MODE": ("False",),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": ("INFO", "WARNING", "ERROR", "CRITICAL"),
}


@rule(
    "airflow-min-version",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="Airflow is of a version whose known holes are mended.",
    mend="Choose a later image.",
    parameters={"version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$", "default": "3.2.2"}},
)
def airflow_min_version(workload: Resource, config: Config) -> Iterator[str]:
    """By the image's tag, where it tells: before 3.2.2 the scheduler runs what DAGs bring."""
    least = _numbers(config["version"])
    for _, container in _containers(workload):
        tag = str(container.value("image")).partition("@")[0].rpartition("/")[2].partition(":")[2]
        version = _VERSION.match(tag)
        if version and _numbers(version[0]) < least[: version[0].count(".") + 1]:
            yield f"image of {container.label} is {tag}, before {config['version']}"


@rule_of_stack(
    "airflow-one-image",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="Airflow's components, their migration and their tasks are one version of one image.",
    mend="Set the same image everywhere in a namespace.",
)
def airflow_one_image(stack: Stack, _config: Config) -> Iterator[str]:
    """A scheduler, the metadata's schema and the tasks have to agree on what they say."""
    users = defaultdict(set)
    for one in stack.of(*POD_SOURCES):
        for pod, container in _containers(one):
            users[str(pod.namespace), str(container.value("image"))].add(one.name)
    for namespace in sorted({one for one, _ in users}):
        images = {image: names for (where, image), names in users.items() if where == namespace}
        if len(images) > 1:
            rarest = min(images, key=lambda image: len(images[image]))
            yield f"{' and '.join(sorted(images[rarest]))} has {rarest}, others another image"


def _scope(key: str, allowed: tuple[str, ...], why: str, workload: Resource) -> Iterator[str]:
    for pod, container in _containers(workload):
        if pod.component not in allowed and (held := _mentions(container, _KEYS[key])):
            yield f"{container.label} of {pod.component} has {held}: {why}"


@rule(
    "airflow-jwt-scope",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="Only API servers and schedulers hold the key that tokens are signed with.",
    mend="Take the key away from the others.",
)
def airflow_jwt_scope(workload: Resource, _config: Config) -> Iterator[str]:
    """By what is in variables, commands and arguments; tokens of any task could be made."""
    why = "it could be any task, or anybody"
    yield from _scope("jwt", (API_SERVER, SCHEDULER), why, workload)


@rule(
    "airflow-fernet-scope",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="Only Airflow's four components hold the key of connections in the metadata database.",
    mend="Take the key away from the migration and from tasks.",
)
def airflow_fernet_scope(workload: Resource, _config: Config) -> Iterator[str]:
    """By what is in variables, commands and arguments."""
    allowed = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
    yield from _scope("fernet", allowed, "it could read all connections", workload)


@rule(
    "airflow-session-key-scope",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="Only API servers hold the key that sessions of the web interface are signed with.",
    mend="Take the key away from the others.",
)
def airflow_session_key_scope(workload: Resource, _config: Config) -> Iterator[str]:
    """By what is in variables, commands and arguments."""
    yield from _scope("api", (API_SERVER,), "it could be anybody on the web", workload)


@rule_in_stack(
    "airflow-auth-manager",
    of=(DEPLOYMENT,),
    severity=Severity.CRITICAL,
    says="Who logs in to the web interface is asked for by an auth manager that knows people.",
    mend="Set AIRFLOW__CORE__AUTH_MANAGER to another than SimpleAuthManager.",
)
def airflow_auth_manager(deployment: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is SimpleAuthManager, Airflow's default, which may let everybody in as admin."""
    name = "AIRFLOW__CORE__AUTH_MANAGER"
    for container, settings in _settings(deployment, stack):
        given = _known(settings, name, container)
        if not isinstance(given, str) or not given or "SimpleAuthManager" in given:
            yield f"{name} of {container.label} is {given}: it is for development"


@rule_in_stack(
    "airflow-expose-config",
    of=(DEPLOYMENT,),
    severity=Severity.HIGH,
    says="The web interface does not show Airflow's settings.",
    mend="Take AIRFLOW__API__EXPOSE_CONFIG away.",
)
def airflow_expose_config(deployment: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is False: Airflow's default."""
    for container, settings in _settings(deployment, stack):
        for name in ("AIRFLOW__API__EXPOSE_CONFIG", "AIRFLOW__WEBSERVER__EXPOSE_CONFIG"):
            given = _known(settings, name, container)
            if given is not None and given != "False":
                yield f"{name} of {container.label} is {given}: users see how Airflow is set up"


@rule_in_stack(
    "airflow-tight-settings",
    of=WORKLOADS,
    severity=Severity.HIGH,
    says="No setting lets in, runs or shows more than Airflow does by default.",
    mend="Take the setting away.",
)
def airflow_tight_settings(workload: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is right; logs that say everything have what connections hold in them."""
    for container, settings in _settings(workload, stack):
        for name, allowed in _TIGHT.items():
            given = _known(settings, name, container)
            if given is not None and given not in allowed:
                wanted = " or ".join(map(repr, allowed))
                yield f"{name} of {container.label} is {given!r}, not {wanted}"


@rule_in_stack(
    "airflow-no-examples",
    of=(DEPLOYMENT,),
    severity=Severity.MEDIUM,
    says="Airflow's example DAGs are not loaded.",
    mend="Set AIRFLOW__CORE__LOAD_EXAMPLES to False.",
)
def airflow_no_examples(deployment: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is True: Airflow's default."""
    for container, settings in _settings(deployment, stack):
        if _known(settings, "AIRFLOW__CORE__LOAD_EXAMPLES", container) != "False":
            yield f"LOAD_EXAMPLES of {container.label} is not False: nobody reviewed those DAGs"


@rule_in_stack(
    "airflow-executor",
    of=(DEPLOYMENT,),
    severity=Severity.CRITICAL,
    says="Each task runs in a pod of its own, with its workflow's identity, in this namespace.",
    mend="Set the executor to KubernetesExecutor, its namespace to that of the component.",
)
def airflow_executor(deployment: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is LocalExecutor: tasks would run in the scheduler, with its key and its login."""
    prefix, wanted = "AIRFLOW__KUBERNETES_EXECUTOR__", deployment.value("metadata.namespace")
    for container, settings in _settings(deployment, stack):
        given = _known(settings, "AIRFLOW__CORE__EXECUTOR", container)
        if given != "KubernetesExecutor":
            yield f"AIRFLOW__CORE__EXECUTOR of {container.label} is {given}: tasks have its rights"
        if _known(settings, f"{prefix}NAMESPACE", container) != wanted:
            yield f"{prefix}NAMESPACE of {container.label} is not {wanted}: nobody judged that one"
        if _known(settings, f"{prefix}MULTI_NAMESPACE_MODE", container) not in (None, "False"):
            yield f"{prefix}MULTI_NAMESPACE_MODE of {container.label} is not False"


@rule_in_stack(
    "airflow-tls",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="Whatever a pod of Airflow reaches PostgreSQL with uses TLS, and verifies who answers.",
    mend="Set PGSSLMODE to verify-full and PGSSLROOTCERT to a file.",
)
def airflow_tls(workload: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is `prefer`, which takes anybody's answer; tasks have it from their template."""
    for container, settings in _settings(workload, stack):
        if _known(settings, "PGSSLMODE", container) != "verify-full":
            yield f"PGSSLMODE of {container.label} is not verify-full: anybody may answer"
        if not str(_known(settings, "PGSSLROOTCERT", container)).startswith("/"):
            yield f"PGSSLROOTCERT of {container.label} is no file: no certificate is trusted"


@rule_in_stack(
    "airflow-metadata-connection",
    of=(DEPLOYMENT, JOB),
    severity=Severity.CRITICAL,
    says="Airflow's connections to its metadata database verify the server and have no password.",
    mend="Write both as a login alone, and end them with ?sslmode=verify-full.",
    later=("spec.template.spec.containers",),
)
def airflow_metadata_connection(workload: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is a file of SQLite; the asynchronous one is derived with a driver without TLS."""
    for container, settings in _settings(workload, stack):
        for name in _CONNECTIONS:
            given = str(_known(settings, name, container))
            if not given.endswith("?sslmode=verify-full"):
                yield f"{name} of {container.label} is without sslmode=verify-full"
            login, at, _ = given.partition("://")[2].partition("@")
            if not at or not login or ":" in login:
                yield f"{name} of {container.label} has a password, or no login: tokens are used"


def _containers(workload: Resource) -> Iterator[tuple[Pod, Container]]:
    for pod in pods_of(workload):
        for container in pod.containers:
            yield pod, container


def _settings(workload: Resource, stack: Stack) -> Iterator[tuple[Container, dict[str, Json]]]:
    """The containers that run Airflow, with their variables."""
    for pod, container in _containers(workload):
        if container.kind == "containers":
            yield container, environment(stack, pod, container)


def _known(settings: dict[str, Json], name: str, container: Container) -> Json:
    value = settings.get(name)
    if is_unknown(value):
        raise NotYetKnownError(f"{container.path}.env.{name}")
    return value


def _mentions(container: Container, key: re.Pattern[str]) -> str:
    """The first word of a container's variables, command and arguments that is about a key."""
    words = [*container.items("command"), *container.items("args")]
    for variable in container.parts("env"):
        words += [variable.value("name"), variable.values.get("value")]
    return next((str(one) for one in words if key.search(str(one))), "")


def _numbers(version: str) -> list[int]:
    return [int(one) for one in re.findall(r"\d+", version)]


@rule(
    "airflow-keys-in-memory",
    of=WORKLOADS,
    severity=Severity.HIGH,
    says="Airflow's keys are on no node's disk.",
    mend="Give the volume keys an emptyDir with medium: Memory.",
    controls=("CIS Kubernetes 5.4.1",),
)
def airflow_keys_in_memory(workload: Resource, _config: Config) -> Iterator[str]:
    """By the volume's name; any other medium, or none, is the node's disk."""
    for pod in pods_of(workload):
        for volume in pod.spec.parts("volumes"):
            if volume.value("name") == "keys" and volume.value("emptyDir.medium") != "Memory":
                yield "the volume keys is not in memory: keys outlive the pod on the node's disk"
