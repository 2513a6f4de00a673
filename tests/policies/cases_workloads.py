"""Cases of the rules in `policies/rules/workloads.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from policies.pods import CONFIG_MAP, DEPLOYMENT, JOB
from policies.resources import Resource
from tests.policies.cases import HOLDS, Case, Change, drop, put

API_SERVER = (DEPLOYMENT, "prod-airflow-api-server")
SCHEDULER = (DEPLOYMENT, "prod-airflow-scheduler")
MIGRATION = (JOB, "prod-airflow-run-airflow-migrations")
TEMPLATE = (CONFIG_MAP, "prod-airflow-airflow-pod-template")
POD = "spec.template.spec"
FIRST, KEYS = f"{POD}.containers.0", f"{POD}.initContainers.0"
FILE = "pod_template_file.yaml"


def template(function: Callable[[dict[str, Any]], object]) -> Change:
    """Let a function change the pod of tasks."""

    def change(resource: Resource) -> Resource | None:
        pod = json.loads(resource.properties["data"][FILE])
        function(pod)
        return with_file(json.dumps(pod))(resource)

    return change


def with_file(text: object) -> Change:
    """Let another text be the template of tasks."""
    return lambda resource: replace(
        resource, properties={**resource.properties, "data": {FILE: text}}
    )


def with_spec(key: str, value: object) -> Change:
    """Set something in the spec of the pod of tasks."""
    return template(lambda pod: pod["spec"].update({key: value}))


def with_container(key: str, value: object) -> Change:
    """Set something in the container of the pod of tasks."""
    return template(lambda pod: pod["spec"]["containers"][0].update({key: value}))


def with_task_security(key: str, value: object) -> Change:
    """Set something in the security context of the container of tasks."""
    return template(
        lambda pod: pod["spec"]["containers"][0]["securityContext"].update({key: value})
    )


def of_kind(type_: str, *, at: str = "spec.template") -> Change:
    """Make another kind of workload of a Deployment, with a pod on its node's network."""

    def change(resource: Resource) -> Resource:
        pod = resource.properties["spec"]["template"]
        inner: Any = {**pod, "spec": {**pod["spec"], "hostNetwork": True}}
        for key in reversed(at.split(".")) if at else ():
            inner = {key: inner}
        properties = {**inner, "metadata": {**pod["metadata"], **resource.properties["metadata"]}}
        return replace(resource, type=type_, properties=properties)

    return change


CASES = (
    Case(
        rule="k8s-pods-legible",
        at=MIGRATION,
        path=f"{POD}.containers",
        breaks=(
            put(f"{POD}.containers", to=[]),
            put(f"{POD}.containers", to="airflow"),
            put(f"{POD}.containers.0", to="airflow"),
            put(f"{POD}.initContainers", to={"name": "keys"}),
            put(f"{POD}.volumes", to=["hostPath"]),
            put(f"{FIRST}.env", to={"PASSWORD": "x"}),
            put(POD, to="airflow"),
            put("spec", to=[]),
            drop("spec.template"),
        ),
        zero=[],
    ),
    Case(
        rule="k8s-pods-legible",
        at=TEMPLATE,
        breaks=(with_spec("containers", []), with_spec("volumes", "hostPath")),
    ),
    Case(
        rule="k8s-no-host-namespaces",
        at=SCHEDULER,
        path=f"{POD}.hostNetwork",
        breaks=(
            put(f"{POD}.hostNetwork", to=True),
            put(f"{POD}.hostNetwork", to="true"),
            put(f"{POD}.hostPID", to=True),
            put(f"{POD}.hostIPC", to=True),
            put(f"{FIRST}.ports", to=[{"containerPort": 8080, "hostPort": 8080}]),
            put(f"{FIRST}.livenessProbe.httpGet", to={"host": "169.254.169.254", "port": 80}),
            put(f"{FIRST}.lifecycle", to={"preStop": {"httpGet": {"host": "x", "port": 80}}}),
        ),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-no-host-namespaces",
        at=API_SERVER,
        path=f"{FIRST}.ports.0.hostPort",
        breaks=(
            put(f"{FIRST}.ports.0.hostPort", to=8080),
            of_kind("kubernetes:apps/v1:StatefulSet"),
            of_kind("kubernetes:apps/v1:DaemonSet"),
            of_kind("kubernetes:apps/v1:ReplicaSet"),
            of_kind("kubernetes:batch/v1:CronJob", at="spec.jobTemplate.spec.template"),
            of_kind("kubernetes:core/v1:Pod", at=""),
            of_kind("kubernetes:core/v1:PodTemplate", at="template"),
            of_kind("kubernetes:core/v1:ReplicationController"),
        ),
        zero=0,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(rule="k8s-no-host-namespaces", at=TEMPLATE, breaks=(with_spec("hostPID", value=True),)),
    Case(
        rule="k8s-volumes",
        at=SCHEDULER,
        path=f"{POD}.volumes",
        breaks=(
            put(f"{POD}.volumes.0", to={"name": "home", "hostPath": {"path": "/"}}),
            put(f"{POD}.volumes.0", to={"name": "home", "secret": {"secretName": "keys"}}),
            put(f"{POD}.volumes.0", to={"name": "home", "projected": {"sources": []}}),
            put(f"{POD}.volumes.0", to={"name": "home"}),
            put(f"{POD}.volumes.0", to={"name": "home", "emptyDir": {}, "hostPath": {}}),
        ),
        zero=[],
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-volumes",
        at=TEMPLATE,
        breaks=(with_spec("volumes", [{"name": "docker", "hostPath": {"path": "/var/run"}}]),),
    ),
    Case(
        rule="k8s-no-privilege",
        at=SCHEDULER,
        path=f"{FIRST}.securityContext.allowPrivilegeEscalation",
        breaks=(
            put(f"{FIRST}.securityContext.allowPrivilegeEscalation", to=True),
            put(f"{FIRST}.securityContext.privileged", to=True),
            put(f"{FIRST}.securityContext.privileged", to="false"),
            put(f"{FIRST}.securityContext.windowsOptions", to={"hostProcess": True}),
            put(f"{KEYS}.securityContext.privileged", to=True),
            put(
                f"{POD}.ephemeralContainers",
                to=[{"name": "debugger", "securityContext": {"privileged": True}}],
            ),
        ),
        # A zero of it is what is right.
        zero=False,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-no-privilege",
        at=SCHEDULER,
        path=f"{FIRST}.securityContext.capabilities.drop",
        breaks=(
            put(f"{FIRST}.securityContext.capabilities.drop", to=["NET_RAW"]),
            put(f"{FIRST}.securityContext.capabilities.drop", to="ALL"),
            drop(f"{FIRST}.securityContext"),
        ),
        zero=[],
    ),
    Case(
        rule="k8s-no-privilege",
        at=SCHEDULER,
        path=f"{FIRST}.securityContext.capabilities.add",
        breaks=(
            put(f"{FIRST}.securityContext.capabilities.add", to=["SYS_ADMIN"]),
            put(f"{FIRST}.securityContext.capabilities.add", to=["NET_BIND_SERVICE"]),
        ),
        zero=[],
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-no-privilege",
        at=TEMPLATE,
        breaks=(
            with_task_security("privileged", value=True),
            with_task_security("capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}),
        ),
    ),
    Case(
        rule="k8s-run-as-non-root",
        at=SCHEDULER,
        path=f"{POD}.securityContext.runAsUser",
        breaks=(
            put(f"{POD}.securityContext.runAsUser", to=0),
            put(f"{POD}.securityContext.runAsUser", to=999),
            put(f"{POD}.securityContext.runAsUser", to=True),
            put(f"{POD}.securityContext.runAsUser", to="50000"),
            put(f"{POD}.securityContext.runAsNonRoot", to=False),
            put(f"{POD}.securityContext.runAsGroup", to=0),
            put(f"{POD}.securityContext.fsGroup", to=0),
            put(f"{POD}.securityContext.supplementalGroups", to=[50000, 0]),
            put(f"{FIRST}.securityContext.runAsUser", to=0),
            put(f"{KEYS}.securityContext.runAsNonRoot", to=False),
            drop(f"{POD}.securityContext.runAsNonRoot"),
            drop(f"{POD}.securityContext.runAsGroup"),
        ),
        zero=0,
    ),
    Case(
        rule="k8s-run-as-non-root",
        at=TEMPLATE,
        breaks=(
            with_task_security("runAsUser", 0),
            with_task_security("runAsNonRoot", value=False),
        ),
    ),
    Case(
        rule="k8s-seccomp",
        at=SCHEDULER,
        path=f"{POD}.securityContext.seccompProfile.type",
        breaks=(
            put(f"{POD}.securityContext.seccompProfile.type", to="Unconfined"),
            put(f"{KEYS}.securityContext.seccompProfile", to={"type": "Unconfined"}),
            drop(f"{POD}.securityContext.seccompProfile"),
        ),
        zero="",
    ),
    Case(
        rule="k8s-seccomp",
        at=TEMPLATE,
        breaks=(with_task_security("seccompProfile", {"type": "Unconfined"}),),
    ),
    Case(
        rule="k8s-confined",
        at=SCHEDULER,
        path=f"{FIRST}.securityContext.procMount",
        breaks=(
            put(f"{FIRST}.securityContext.procMount", to="Unmasked"),
            put(f"{POD}.securityContext.sysctls", to=[{"name": "kernel.msgmax", "value": "1"}]),
            put(f"{POD}.securityContext.seLinuxOptions", to={"type": "spc_t"}),
            put(f"{FIRST}.securityContext.seLinuxOptions", to={"role": "sysadm_r"}),
            put(f"{FIRST}.securityContext.seLinuxOptions", to="spc_t"),
            put(f"{FIRST}.securityContext.appArmorProfile", to={"type": "Unconfined"}),
            put(
                "spec.template.metadata.annotations",
                to={"container.apparmor.security.beta.kubernetes.io/keys": "unconfined"},
            ),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="k8s-readonly-root",
        at=SCHEDULER,
        path=f"{FIRST}.securityContext.readOnlyRootFilesystem",
        breaks=(
            put(f"{FIRST}.securityContext.readOnlyRootFilesystem", to=False),
            put(f"{FIRST}.securityContext.readOnlyRootFilesystem", to="true"),
            put(f"{KEYS}.securityContext.readOnlyRootFilesystem", to=False),
        ),
        zero=False,
    ),
    Case(
        rule="k8s-readonly-root",
        at=TEMPLATE,
        breaks=(with_task_security("readOnlyRootFilesystem", value=False),),
    ),
    Case(
        rule="k8s-no-service-links",
        at=SCHEDULER,
        path=f"{POD}.enableServiceLinks",
        breaks=(put(f"{POD}.enableServiceLinks", to=True),),
        # A zero of it is what is right.
        zero=False,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-no-service-links",
        at=TEMPLATE,
        breaks=(with_spec("enableServiceLinks", value=True),),
    ),
)
