"""`up` and `down` that are killed at any moment: the next run goes on, and nothing is left."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from local import image
from tests.environment.checkout import SOURCES, copied
from tests.faults.commands import UP, converge, killed_at, taken_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.environment.checkout import Checkout

SEED = 20261122
MOMENTS = 20
SLICE = 2
"""How many of the moments are tried in every run of the tests."""
_random = random.Random(SEED)  # noqa: S311 - moments, not secrets
# Shares of the whole duration: one in each twentieth, in a random order, so that a slice is spread.
SHARES = [(number + _random.random()) / MOMENTS for number in range(MOMENTS)]
_random.shuffle(SHARES)
DOWN_SECONDS = 2.0
"""What `down` takes at least; a moment later than its end is none of a kill."""


def _moments() -> list[object]:
    return [
        pytest.param(
            share,
            number % 2 == 1,
            id=f"{share:.0%}{'-with-everything' if number % 2 else ''}",
            marks=[] if number < SLICE else [pytest.mark.faults],
        )
        for number, share in enumerate(SHARES)
    ]


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    with copied() as checkout:
        yield checkout


@pytest.mark.parametrize(("share", "with_everything"), _moments())
def test_up_and_then_down_killed_at_a_random_moment_go_on(
    checkout: Checkout,
    up_seconds: float,
    share: float,
    with_everything: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    before = checkout.files()

    killed_at(checkout, share * up_seconds, *UP, with_everything=with_everything)

    converge(checkout)
    traces = checkout.traces()

    killed_at(checkout, (1 - share) * DOWN_SECONDS, "down")

    taken_down(checkout, before, traces)


@pytest.mark.parametrize("with_everything", [True, pytest.param(False, marks=pytest.mark.faults)])
def test_down_right_after_a_kill_leaves_nothing(
    checkout: Checkout,
    up_seconds: float,
    with_everything: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    before = checkout.files()

    killed_at(checkout, up_seconds / 2, *UP, with_everything=with_everything)

    taken_down(checkout, before)


@pytest.mark.faults
def test_up_with_airflow_killed_at_random_moments_goes_on(checkout: Checkout) -> None:
    if not (SOURCES / image.FOLDER / ".ready").exists():
        pytest.skip("Airflow is not installed: run `make image`")
    checkout.base.chmod(0o711)  # pods are other users, who have to reach the image
    (checkout.folder / image.FOLDER).symlink_to(SOURCES / image.FOLDER)
    before = checkout.files()
    began = time.monotonic()
    up = checkout.run("up")
    assert up.status == 0, up.text[-5000:]
    whole = time.monotonic() - began
    taken_down(checkout, before, checkout.traces())
    for number, share in enumerate(sorted(SHARES)[3::4]):
        killed_at(checkout, share * whole, "up", with_everything=number % 2 == 1)
        converge(checkout, "up")
        taken_down(checkout, before, checkout.traces())
