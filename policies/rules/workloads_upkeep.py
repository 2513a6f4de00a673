"""Rules for what pods run and need: images, secrets, limits, probes, how they are replaced.

What pods may do is judged in `workloads`; how many there are, with their budgets, in `cluster`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from policies.pods import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    POD_SOURCES,
    STATEFUL_SET,
    Container,
    pods_of,
)
from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.values import Json, NotYetKnownError, is_unknown

_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_TAG = re.compile(r"(?:[^@\s]*/)?[^@\s:/]+:([\w.-]+)")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(?:m|k|[KMGTP]i|[MGTP])?")
_LIMITED = ("cpu", "memory", "ephemeral-storage")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")

_SECRET_WORDS = {
    "CREDENTIAL",
    "CREDENTIALS",
    "KEY",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PGPASSWORD",
    "SECRET",
    "TOKEN",
}
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
# What Airflow runs to learn a setting: it may read a file, and nothing else.
_READS_A_FILE = re.compile(r"cat /[\w./-]+")
_SECRETS = re.compile(
    r"://[^/@\s:]*:[^/@\s]+@"  # a password in a URL
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # an access key of AWS
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?i:[\"']?\bpass(?:word|wd|phrase)[\"']?\s*[:=]\s*[\"']?[^\s\"',}])"
    r"|(?i:--[\w-]*(?:password|secret|token)\b)"
)


@rule(
    "k8s-no-secret-env",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="No secret is in a variable, an argument or a ConfigMap; keys come as files.",
    mend="Read it in the pod from Secrets Manager, as the container `keys` does.",
    controls=("CIS K8s 5.4.1", "CKV_K8S_35"),
    later=("spec.template.spec.containers", "spec.template.spec.initContainers"),
)
def k8s_no_secret_env(workload: Resource, _config: Config) -> Iterator[str]:
    """By the name of a variable, or by what is in it; each child process inherits it."""
    told: list[tuple[str, str, Json]] = []
    for pod in pods_of(workload):
        for container in pod.containers:
            yield from _from_secrets(container)
            told += _told(container)
    if workload.type == CONFIG_MAP:
        told += _data(workload)
    for path, name, value in told:
        if _is_secret_name(name) and not _is_file_read(name, value) and value not in (None, ""):
            yield f"{path} ({name}) has a value: by its name it is a secret"
        elif isinstance(value, str) and _SECRETS.search(value):
            yield f"{path} ({name}) holds what looks like a password or a key"
    for path, _, value in told:
        if is_unknown(value):
            raise NotYetKnownError(path)


@rule(
    "k8s-digest",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="An image is named by its digest.",
    mend="Add @sha256:... to the image, or disable the rule where a tag may be followed.",
    controls=("CKV_K8S_43",),
)
def k8s_digest(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused: an image that somebody else puts in is not judged here."""
    for container in _containers(workload):
        if not _DIGEST.fullmatch(str(container.value("image"))):
            yield f"image of {container.label} has no digest: whoever moves the tag decides"


@rule(
    "k8s-image-tag",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="An image is one of a version, and a node that has an older one of its tag asks again.",
    mend="Name a digest, or a tag other than latest and set imagePullPolicy to Always.",
    controls=("CKV_K8S_14", "CKV_K8S_15"),
)
def k8s_image_tag(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent, a tag is latest, and the policy IfNotPresent, which a digest allows."""
    for container in _containers(workload):
        image, policy = str(container.value("image")), container.value("imagePullPolicy")
        if _DIGEST.fullmatch(image):
            if policy not in (None, "IfNotPresent", "Always"):
                yield f"imagePullPolicy of {container.label} is {policy}: no new node could run it"
            continue
        tag = _TAG.fullmatch(image)
        if not tag or tag[1] == "latest":
            yield f"image of {container.label} is {image}, of no version: nobody knows what runs"
        if policy != "Always":
            yield f"imagePullPolicy of {container.label} is not Always: nodes may differ"


@rule(
    "k8s-limits",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="Each container is promised and limited in processors, memory and disk.",
    mend="Set requests and limits of cpu, memory and ephemeral-storage, each above 0.",
    controls=("CKV_K8S_10", "CKV_K8S_11", "CKV_K8S_12", "CKV_K8S_13"),
)
def k8s_limits(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent and zero are no limit: one pod could take its node away from all others."""
    for container in _containers(workload):
        for kind in ("requests", "limits"):
            for what in _LIMITED:
                path = f"resources.{kind}.{what}"
                quantity = _QUANTITY.fullmatch(str(container.value(path)))
                if not quantity or not float(quantity[1]):
                    yield f"{path} of {container.label} is {container.value(path)}, not above 0"


@rule(
    "k8s-probes",
    of=(DEPLOYMENT, STATEFUL_SET, DAEMON_SET),
    severity=Severity.HIGH,
    says="What runs all the time is asked whether it has started, is alive and is ready.",
    mend="Set startupProbe, livenessProbe and readinessProbe, each with what is asked.",
    controls=("CKV_K8S_8", "CKV_K8S_9"),
)
def k8s_probes(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is always ready and always alive, even if it hangs."""
    for container in _containers(workload):
        if container.kind == "containers":
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = [kind for kind in _HANDLERS if container.value(f"{probe}.{kind}")]
                if len(asked) != 1:
                    yield f"{probe} of {container.label} asks nothing: one that hangs stays"


@rule(
    "k8s-rollout",
    of=(DEPLOYMENT,),
    severity=Severity.HIGH,
    says="A rollout starts one pod more before it ends an old one, as connections are budgeted.",
    mend="Set the strategy RollingUpdate with maxSurge 1 and maxUnavailable 0.",
)
def k8s_rollout(deployment: Resource, _config: Config) -> Iterator[str]:
    """Absent, each is a quarter of the replicas."""
    for path, wanted in (
        ("type", "RollingUpdate"),
        ("rollingUpdate.maxSurge", 1),
        ("rollingUpdate.maxUnavailable", 0),
    ):
        given = deployment.value(f"spec.strategy.{path}")
        if given != wanted or isinstance(given, bool):
            yield f"strategy.{path} is {given!r}, not {wanted}: the budget of connections is wrong"


@rule(
    "k8s-ends-in-time",
    of=POD_SOURCES,
    severity=Severity.MEDIUM,
    says="A pod has time to end what it does, but not for ever.",
    mend="Set terminationGracePeriodSeconds to what the rule allows.",
    parameters={
        "atLeast": {"type": "integer", "minimum": 1, "default": 30},
        "atMost": {"type": "integer", "minimum": 1, "default": 300},
    },
)
def k8s_ends_in_time(workload: Resource, config: Config) -> Iterator[str]:
    """Absent is 30 s, zero is none: a statement that runs on holds its locks."""
    least, most = config["atLeast"], config["atMost"]
    for pod in pods_of(workload):
        seconds = pod.spec.value("terminationGracePeriodSeconds")
        if not isinstance(seconds, int | float) or not least <= seconds <= most:
            yield f"terminationGracePeriodSeconds is {seconds}, not from {least} to {most}"


def _containers(workload: Resource) -> Iterator[Container]:
    for pod in pods_of(workload):
        yield from pod.containers


def _from_secrets(container: Container) -> Iterator[str]:
    for variable in container.parts("env"):
        if variable.value("valueFrom.secretKeyRef") is not None:
            yield f"{variable.value('name')} of {container.label} is a Secret's: not as a file"
    for source in container.parts("envFrom"):
        if source.value("secretRef") is not None:
            yield f"envFrom of {container.label} has a Secret: not as a file"


def _told(container: Container) -> Iterator[tuple[str, str, Json]]:
    """What a container is told: path, name and value, perhaps unknown."""
    for variable in container.parts("env"):
        name = str(variable.value("name"))
        yield f"{variable.path}.value", name, variable.values.get("value")
    for key in ("command", "args"):
        words = container.value(key)
        for number, word in enumerate(words if isinstance(words, list) else ()):
            yield f"{container.path}.{key}.{number}", container.label, word


def _data(config_map: Resource) -> Iterator[tuple[str, str, Json]]:
    """What a ConfigMap says; of a file, whether there is a private key in it."""
    for kind in ("data", "binaryData"):
        data = config_map.value(kind)
        for key, value in data.items() if isinstance(data, Mapping) else ():
            if _VARIABLE.fullmatch(str(key)) or "PRIVATE KEY-----" in str(value):
                yield f"{kind}.{key}", str(key), value


def _is_secret_name(name: str) -> bool:
    return not _SECRET_WORDS.isdisjoint(name.upper().split("_"))


def _is_file_read(name: str, value: Json) -> bool:
    return name.endswith("_CMD") and _READS_A_FILE.fullmatch(str(value)) is not None
