"""What the real engine foresees for the environments on AWS.

AWS is asked for the caller, the cluster, its OIDC provider and the subnets, at a preview too; here
an account of this machine with the id and the names of the settings answers. The cluster is not
reached: its API has a name that leads nowhere, so nothing is proven of what it would say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import EngineOf


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_preview_is_all_to_create_under_the_same_names(engine_of: EngineOf, stack: str) -> None:
    engine = engine_of(stack)

    foreseen = engine.preview()

    assert set(foreseen.operations.values()) == {"create"}
    assert set(foreseen.operations) == engine.without_the_cli()
    assert engine.export() == {}
