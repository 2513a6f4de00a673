"""Every manifest of every stack before judges that were not written here.

What they cannot see (replicas, network paths, secrets in plain sight) is tested elsewhere.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.manifests.judges import KUBERNETES_VERSIONS, Refusal, schema_refusals, skips
from tests.manifests.rendered import manifests_of, of_kind, pods_of, task_pods

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording
    from tests.manifests.judges import Checkov, PodSecurity
    from tests.manifests.rendered import Manifest

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


@pytest.fixture(scope="module")
def checkov_refusals(
    recorded_stack: Callable[[str], Recording],
    checkov: Checkov,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[Refusal]]:
    """What Checkov has against each stack, skips or no skips."""
    judged = {}
    for stack in STACKS:
        rendered = manifests_of(recorded_stack(stack))
        folder = tmp_path_factory.mktemp(stack)
        judged[stack] = checkov.refusals([*rendered, *task_pods(rendered)], folder)
    return judged


@pytest.mark.parametrize("stack", STACKS)
def test_checkov(stack: str, checkov_refusals: dict[str, list[Refusal]]) -> None:
    refused = [
        one for one in checkov_refusals[stack] if not any(skip.covers(one) for skip in skips(stack))
    ]
    assert refused == []


@pytest.mark.parametrize("stack", STACKS)
def test_each_skip_is_needed_and_has_a_reason(
    stack: str, checkov_refusals: dict[str, list[Refusal]]
) -> None:
    unused = [
        skip
        for skip in skips(stack)
        if not any(skip.covers(one) for one in checkov_refusals[stack])
    ]
    assert unused == []
    assert [skip.rule for skip in skips(stack) if len(skip.reason.split()) < 5] == []
