"""Every manifest of every stack before Kubernetes' own schemas and its own Pod Security.

What they cannot see (replicas, network paths, secrets in plain sight) is tested elsewhere; so is
what other judges say of manifests, together with all else that they look at.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from local.judging.foreign.kubernetes import KUBERNETES_VERSIONS, schema_refusals
from local.judging.foreign.manifests import of_kind, pods_of, task_pods

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.judging.foreign.kubernetes import PodSecurity
    from local.judging.foreign.manifests import Manifest

    Manifests = Callable[[str], list[Manifest]]

STACKS = ("local", "dev", "prod")


@pytest.mark.parametrize("stack", STACKS)
def test_all_there_is_to_judge(stack: str, manifests: Manifests) -> None:
    rendered = manifests(stack)
    environments = len(of_kind(rendered, "Namespace"))
    pods = Counter(pod.name.partition(".")[0] for pod in pods_of(rendered))
    assert pods == {"Deployment": 4 * environments, "Job": environments, "Pod": environments}
    assert {one["metadata"].get("namespace") for one in rendered} == {
        None,  # the namespaces themselves
        *(one["metadata"]["name"] for one in of_kind(rendered, "Namespace")),
    }


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("stack", STACKS)
def test_valid_for_every_version_that_eks_supports(
    stack: str, version: str, manifests: Manifests
) -> None:
    rendered = manifests(stack)
    assert schema_refusals([*rendered, *task_pods(rendered)], version) == []


@pytest.mark.parametrize("stack", STACKS)
def test_pod_security_restricted(
    stack: str, manifests: Manifests, pod_security: PodSecurity
) -> None:
    assert pod_security.refusals(pods_of(manifests(stack))) == []
