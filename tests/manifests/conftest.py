"""Every manifest of every stack, rendered from the program, and the judge of its pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.judging.foreign.answers import JudgeMissingError
from local.judging.foreign.kubernetes import PodSecurity
from local.judging.foreign.manifests import Manifest, manifests_of
from local.judging.graph import stack_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording


@pytest.fixture
def manifests(recorded_stack: Callable[[str], Recording]) -> Callable[[str], list[Manifest]]:
    """Return a stack's manifests; they are the test's own, to be changed at will."""
    return lambda stack: manifests_of(stack_of(recorded_stack(stack)))


@pytest.fixture(scope="session")
def pod_security(tmp_path_factory: pytest.TempPathFactory) -> PodSecurity:
    """Build the judge of Pod Security, once; without what it needs the test is skipped."""
    try:
        return PodSecurity.built(tmp_path_factory.mktemp("podsecurity"))
    except JudgeMissingError as error:
        pytest.skip(str(error))
