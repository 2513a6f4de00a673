"""Every manifest of every stack, rendered from the program, and the judges of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.manifests.judges import Checkov, PodSecurity
from tests.manifests.rendered import Manifest, manifests_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording


@pytest.fixture
def manifests(recorded_stack: Callable[[str], Recording]) -> Callable[[str], list[Manifest]]:
    """Return a stack's manifests; they are the test's own, to be changed at will."""
    return lambda stack: manifests_of(recorded_stack(stack))


@pytest.fixture(scope="session")
def pod_security(tmp_path_factory: pytest.TempPathFactory) -> PodSecurity:
    """Build the judge of Pod Security, once."""
    return PodSecurity.built(tmp_path_factory.mktemp("podsecurity"))


@pytest.fixture(scope="session")
def checkov() -> Checkov:
    """Find Checkov."""
    return Checkov.installed()
