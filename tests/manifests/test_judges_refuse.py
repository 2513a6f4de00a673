"""Each judge refuses what it is there for: one good manifest at a time, broken on purpose.

Without these a judge that reads nothing, or the wrong thing, would look like one that agrees.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes_validate.utils import VersionNotSupportedError

from local.judging.foreign.answers import JudgeMissingError
from local.judging.foreign.kubernetes import schema_refusals
from local.judging.foreign.manifests import manifests_of, named, object_name, pods_of, task_pods
from local.judging.foreign.python_judges import by_checkov
from local.judging.graph import declared, stack_of
from policies.resources import Resource, Stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording
    from local.judging.foreign.answers import Refusal
    from local.judging.foreign.kubernetes import PodSecurity
    from local.judging.foreign.manifests import Manifest

    Break = Callable[[Manifest], object]

ROOT = Path(__file__).resolve().parents[2]
SCHEDULER = ("Deployment", "airflow-scheduler")


def pod_spec(manifest: Manifest) -> Manifest:
    """The specification of the pods that an object makes, or of the pod that it is."""
    spec: Manifest = manifest["spec"].get("template", manifest)["spec"]
    return spec


def container(manifest: Manifest) -> Manifest:
    """The first container of it."""
    first: Manifest = pod_spec(manifest)["containers"][0]
    return first


def security(manifest: Manifest) -> Manifest:
    """The security context of its first container."""
    context: Manifest = container(manifest)["securityContext"]
    return context


HOST_PATH = {"name": "host", "hostPath": {"path": "/"}}
INVALID: dict[str, Break] = {
    "an unknown field": lambda one: one["spec"].update(replica=1),
    "a field in the wrong place": lambda one: pod_spec(one).update(readOnlyRootFilesystem=True),
    "a number that is a text": lambda one: one["spec"].update(replicas="two"),
    "no container": lambda one: pod_spec(one).pop("containers"),
    "an API that is gone": lambda one: one.update(apiVersion="extensions/v1beta1"),
}
INSECURE: dict[str, Break] = {
    "privileged": lambda one: security(one).update(privileged=True),
    "the host's files": lambda one: pod_spec(one)["volumes"].append(HOST_PATH),
    "the host's network": lambda one: pod_spec(one).update(hostNetwork=True),
    "root": lambda one: security(one).update(runAsUser=0),
    "perhaps root": lambda one: pod_spec(one)["securityContext"].pop("runAsNonRoot"),
    "privileges to gain": lambda one: security(one).pop("allowPrivilegeEscalation"),
    "capabilities kept": lambda one: security(one).pop("capabilities"),
    "no seccomp": lambda one: pod_spec(one)["securityContext"].pop("seccompProfile"),
}
# Rule to what it is there for.
AGAINST_RULE: dict[str, Break] = {
    "CKV_K8S_16": INSECURE["privileged"],
    "CKV_K8S_14": lambda one: container(one).update(image="apache/airflow:latest"),
    "CKV_K8S_43": lambda one: container(one).update(image="apache/airflow:3.3.2"),
    "CKV_K8S_13": lambda one: container(one)["resources"].pop("limits"),
    "CKV_K8S_11": lambda one: container(one)["resources"]["limits"].pop("cpu"),
    "CKV_K8S_22": lambda one: security(one).pop("readOnlyRootFilesystem"),
    "CKV_K8S_8": lambda one: container(one).pop("livenessProbe"),
    "CKV_K8S_40": lambda one: security(one).update(runAsUser=1000),
    "CKV_K8S_21": lambda one: one["metadata"].update(namespace="default"),
}


@pytest.fixture(scope="module")
def good(recorded_stack: Callable[[str], Recording]) -> list[Manifest]:
    """The manifests of production, which every judge accepts."""
    return manifests_of(stack_of(recorded_stack("prod")))


def broken(good: list[Manifest], breaking: Break, name: str = "") -> Manifest:
    """The scheduler's Deployment with one thing broken, under a name of its own."""
    manifest = copy.deepcopy(named(good, *SCHEDULER))
    breaking(manifest)
    manifest["metadata"]["name"] = name or manifest["metadata"]["name"]
    return manifest


@pytest.mark.parametrize("what", INVALID)
def test_the_schemas_refuse(what: str, good: list[Manifest]) -> None:
    assert len(schema_refusals([broken(good, INVALID[what])], "1.34")) == 1


def test_a_version_without_schemas_is_no_agreement(good: list[Manifest]) -> None:
    with pytest.raises(VersionNotSupportedError):
        schema_refusals(good[:1], "1.99")


def test_a_field_is_only_known_from_its_version_on(good: list[Manifest]) -> None:
    def breaking(one: Manifest) -> None:
        # In the API since 1.34.
        pod_spec(one)["hostnameOverride"] = "somewhere"

    assert schema_refusals([broken(good, breaking)], "1.31")
    assert schema_refusals([broken(good, breaking)], "1.37") == []


@pytest.mark.parametrize("what", INSECURE)
def test_pod_security_refuses(what: str, good: list[Manifest], pod_security: PodSecurity) -> None:
    refusals = pod_security.refusals(pods_of([broken(good, INSECURE[what])]), ["1.31", "1.37"])
    assert {one.text.partition(":")[0] for one in refusals} == {"v1.31", "v1.37"}


def test_pod_security_sees_jobs_and_tasks(good: list[Manifest], pod_security: PodSecurity) -> None:
    (task,) = task_pods(good)
    (job,) = (one for one in good if one["kind"] == "Job")
    for one in (task, job):
        assert pod_security.refusals(pods_of([one])) == []
        INSECURE["privileged"](one)
        assert {refusal.rule for refusal in pod_security.refusals(pods_of([one]))} == {"privileged"}


def test_pod_security_reads_no_field_that_it_does_not_know(
    good: list[Manifest], pod_security: PodSecurity
) -> None:
    misspelled = broken(good, lambda one: pod_spec(one).update(hostNetworks=True))
    with pytest.raises(ValueError, match="hostNetworks"):
        pod_security.refusals(pods_of([misspelled]))


@pytest.fixture(scope="module")
def checkov_on_broken(good: list[Manifest]) -> list[Refusal]:
    """What Checkov has against one broken manifest for each rule, all in one go."""
    manifests = [
        broken(good, breaking, name=f"breaks-{rule.lower().replace('_', '-')}")
        for rule, breaking in AGAINST_RULE.items()
    ]
    manifests.append(broken(good, lambda _one: None, name="whole"))
    skipping: dict[str, Any] = {"checkov.io/skip1": "CKV_K8S_38=because"}
    manifests.append(
        broken(good, lambda one: one["metadata"].update(annotations=skipping), name="asks-to-skip")
    )
    objects = [
        Resource(urn=object_name(one), type="kubernetes:", name="broken", properties=one)
        for one in manifests
    ]
    whole = declared(ROOT, "prod", assumed=True)
    try:
        (answer,) = by_checkov(Stack((*whole.resources, *objects)), ROOT)
    except JudgeMissingError as error:
        pytest.skip(str(error))
    return [one.refusal for one in answer.findings]


@pytest.mark.parametrize("rule", AGAINST_RULE)
def test_checkov_refuses(rule: str, checkov_on_broken: list[Refusal]) -> None:
    against = {one.object for one in checkov_on_broken if one.rule == rule}
    assert f"Deployment.breaks-{rule.lower().replace('_', '-')}" in against
    assert "Deployment.whole" not in against


def test_a_manifest_cannot_skip_a_rule(checkov_on_broken: list[Refusal]) -> None:
    # The token of the Kubernetes API, which the good scheduler is refused for, too.
    against = {one.rule for one in checkov_on_broken if one.object == "Deployment.asks-to-skip"}
    assert "CKV_K8S_38" in against
