"""Rules for pods, of every kind that starts some: what they may do to their node and as whom.

Together they ask for more than Pod Security's level `restricted`. The pods of tasks are judged by
their template, which is a file in a ConfigMap. Images, limits and secrets are judged in
`workloads_upkeep`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.pods import CONTAINERS, POD_SOURCES, Container, Pod, pods_of
from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.values import Json

LOWEST_ID = 10_000
"""No user or group of a node has it, nor a higher one."""

_SELINUX_TYPES = (None, "", "container_t", "container_init_t", "container_kvm_t")
_PROFILES = ("RuntimeDefault", "Localhost")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("lifecycle.postStart", "lifecycle.preStop")


@rule(
    "k8s-pods-legible",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="What a workload runs is written as Kubernetes reads it, so that it can be judged.",
    mend="Declare the pod's spec with at least one container; write lists as lists.",
)
def k8s_pods_legible(workload: Resource, _config: Config) -> Iterator[str]:
    """A ConfigMap may have no pods at all; other rules pass over what has another form."""
    for pod in pods_of(workload):
        if not any(one.kind == "containers" for one in pod.containers):
            yield f"{pod.spec.path}.containers names no container: nothing there can be judged"
        for path in (*CONTAINERS, "volumes"):
            given = pod.spec.value(path)
            if given is not None and not _is_list_of_mappings(given):
                yield f"{pod.spec.path}.{path} is no list of objects: nothing there can be judged"
        for container in pod.containers:
            for path in ("env", "envFrom", "ports", "volumeMounts"):
                given = container.value(path)
                if given is not None and not _is_list_of_mappings(given):
                    yield f"{path} of {container.label} is no list of objects"


@rule(
    "k8s-no-host-namespaces",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="A pod has a network and processes of its own, not its node's.",
    mend="Take hostNetwork, hostPID, hostIPC, hostPort and the host of probes away.",
    controls=(
        "PSS baseline host namespaces",
        "PSS baseline host ports",
        "CIS K8s 5.2.3",
        "CIS K8s 5.2.4",
        "CIS K8s 5.2.5",
        "CKV_K8S_17",
        "CKV_K8S_18",
        "CKV_K8S_19",
        "CKV_K8S_26",
    ),
)
def k8s_no_host_namespaces(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is false, and 0 no port: Kubernetes' defaults."""
    for pod in pods_of(workload):
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.value(key) not in (None, False):
                yield f"{key} is not false: the pod sees what its node and all pods there do"
        for container in pod.containers:
            for port in container.parts("ports"):
                if port.value("hostPort") not in (None, 0):
                    yield f"hostPort of {container.label} is set: network policies miss it"
            for path in (*_PROBES, *_HOOKS):
                for kind in ("httpGet", "tcpSocket"):
                    if container.value(f"{path}.{kind}.host") not in (None, ""):
                        yield f"{path}.{kind}.host of {container.label} is set: a node asks it"


@rule(
    "k8s-volumes",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="A pod mounts nothing of its node, and no secret that Kubernetes keeps.",
    mend="Use volumes of the kinds that are allowed; keys come from Secrets Manager.",
    controls=("PSS baseline hostPath", "PSS restricted volume types", "CKV_K8S_27"),
    parameters={
        "kinds": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["configMap", "emptyDir"],
        }
    },
)
def k8s_volumes(workload: Resource, config: Config) -> Iterator[str]:
    """Absent and empty is right; a volume without a kind is none."""
    for pod in pods_of(workload):
        for volume in pod.spec.parts("volumes"):
            given = [key for key, value in volume.values.items() if value is not None]
            kinds = [str(key) for key in given if key != "name"]
            if len(kinds) != 1 or kinds[0] not in config["kinds"]:
                yield f"volume {volume.value('name')} is {' and '.join(kinds) or 'of no kind'}"


@rule(
    "k8s-no-privilege",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="No container has a capability, or a way to one.",
    mend="Set allowPrivilegeEscalation to false, drop ALL capabilities, add none.",
    controls=(
        "PSS baseline privileged",
        "PSS restricted privilege escalation",
        "PSS restricted capabilities",
        "CIS K8s 5.2.2",
        "CIS K8s 5.2.6",
        "CKV_K8S_16",
        "CKV_K8S_20",
        "CKV_K8S_25",
        "CKV_K8S_28",
        "CKV_K8S_37",
        "CKV_K8S_39",
    ),
)
def k8s_no_privilege(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent, privileged is false, but escalation is allowed and capabilities are many."""
    for _, container in _containers(workload):
        of = f"of {container.label}"
        if container.value("securityContext.privileged") not in (None, False):
            yield f"privileged {of} is not false: it is its node"
        if container.value("securityContext.allowPrivilegeEscalation") is not False:
            yield f"allowPrivilegeEscalation {of} is not false: a program may become root"
        if "ALL" not in container.items("securityContext.capabilities.drop"):
            yield f"capabilities.drop {of} lacks ALL: it may forge packets, for one"
        if container.value("securityContext.capabilities.add"):
            yield f"capabilities.add {of} is not empty: Airflow needs none"
        if container.value("securityContext.windowsOptions.hostProcess") not in (None, False):
            yield f"windowsOptions.hostProcess {of} is not false: it runs on the node"


@rule(
    "k8s-run-as-non-root",
    of=POD_SOURCES,
    severity=Severity.CRITICAL,
    says="No container runs as root, or as a user or group that its node has.",
    mend=f"Set runAsNonRoot, and runAsUser and runAsGroup to {LOWEST_ID} or more.",
    controls=("PSS restricted running as non-root", "CIS K8s 5.2.7", "CKV_K8S_23", "CKV_K8S_40"),
)
def k8s_run_as_non_root(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is what the image says, which nobody sees here; its group is usually root."""
    for pod, container in _containers(workload):
        if pod.secured(container, "runAsNonRoot") is not True:
            yield f"runAsNonRoot of {container.label} is not true: the image could be root's"
        for key in ("runAsUser", "runAsGroup"):
            if not _is_high(pod.secured(container, key)):
                yield f"{key} of {container.label} is below {LOWEST_ID}: it may be the node's"
    for pod in pods_of(workload):
        given = pod.spec.value("securityContext.fsGroup")
        groups = pod.spec.items("securityContext.supplementalGroups")
        if not all(map(_is_high, groups if given is None else [given, *groups])):
            yield f"fsGroup or supplementalGroups is below {LOWEST_ID}: it may be the node's"


@rule(
    "k8s-seccomp",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="The system calls of each container are filtered.",
    mend="Set seccompProfile.type to RuntimeDefault.",
    controls=("PSS restricted seccomp", "CKV_K8S_31"),
)
def k8s_seccomp(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is unconfined, unless the node says otherwise."""
    for pod, container in _containers(workload):
        own = container.value("securityContext.seccompProfile.type")
        profile = own or pod.spec.value("securityContext.seccompProfile.type")
        if profile not in _PROFILES:
            yield f"seccompProfile of {container.label} is not RuntimeDefault: any call is allowed"


@rule(
    "k8s-confined",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="What confines containers on a node is not loosened: AppArmor, SELinux, /proc, sysctls.",
    mend="Take appArmorProfile, seLinuxOptions, procMount and sysctls away.",
    controls=("PSS baseline AppArmor", "PSS baseline SELinux", "PSS baseline /proc mount type"),
)
def k8s_confined(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is what the node does by default, which confines."""
    for pod in pods_of(workload):
        contexts = [pod.spec, *pod.containers]
        if pod.spec.value("securityContext.sysctls"):
            yield "sysctls is not empty: Airflow needs none, and some are the node's"
        for key, profile in pod.metadata.mapping("annotations").items():
            if str(key).startswith(_APPARMOR) and profile == "unconfined":
                yield f"annotation {key} is unconfined: AppArmor lets the container do anything"
        for one in contexts:
            if one.value("securityContext.appArmorProfile.type") not in (None, *_PROFILES):
                yield "appArmorProfile is Unconfined: AppArmor lets the container do anything"
            if not _is_ordinary(one.value("securityContext.seLinuxOptions")):
                yield "seLinuxOptions names a user, a role or another type: SELinux lets it out"
            if one.value("securityContext.procMount") not in (None, "Default"):
                yield "procMount is not Default: the container sees and writes more of /proc"


@rule(
    "k8s-readonly-root",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="Nobody writes into a container's image; what is written is in volumes.",
    mend="Set readOnlyRootFilesystem to true, and mount an emptyDir where the program writes.",
    controls=("CKV_K8S_22",),
)
def k8s_readonly_root(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: Kubernetes' default."""
    for _, container in _containers(workload):
        if container.value("securityContext.readOnlyRootFilesystem") is not True:
            yield f"readOnlyRootFilesystem of {container.label} is not true: code could be changed"


@rule(
    "k8s-no-service-links",
    of=POD_SOURCES,
    severity=Severity.MEDIUM,
    says="A pod is not told the addresses of all services of its namespace.",
    mend="Set enableServiceLinks to false.",
)
def k8s_no_service_links(workload: Resource, _config: Config) -> Iterator[str]:
    """Absent is true: Kubernetes' default. Airflow would read some of them as its settings."""
    for pod in pods_of(workload):
        if pod.spec.value("enableServiceLinks") is not False:
            yield "enableServiceLinks is not false: variables that nobody declared are set"


def _containers(workload: Resource) -> Iterator[tuple[Pod, Container]]:
    for pod in pods_of(workload):
        for container in pod.containers:
            yield pod, container


def _is_high(number: Json) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and number >= LOWEST_ID


def _is_ordinary(options: Json) -> bool:
    """Whether SELinux confines as it does by default, or in another of the known ways."""
    if not isinstance(options, Mapping):
        return options is None
    return options.get("type") in _SELINUX_TYPES and not (
        options.get("user") or options.get("role")
    )


def _is_list_of_mappings(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
