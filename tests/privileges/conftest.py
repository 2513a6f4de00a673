"""Servers with every kind of login and schema, and something of everything in each schema.

Fixtures:
    checkouts: both platforms, up.
    platform: one after the other, with this process's AWS SDK pointed at its account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest

from local.rotation import rotate, rotated_logins
from stacks.settings import Settings, load_stack_file
from tests.privileges.actors import INSTANCES, actors
from tests.privileges.keys import Keys
from tests.privileges.objects import make_objects
from tests.privileges.platforms import VERSIONS, platforms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.environment.checkout import Checkout


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform that is up."""

    name: str
    settings: Settings
    keys: Keys


@pytest.fixture(scope="module")
def checkouts() -> Iterator[Mapping[str, Checkout]]:
    with platforms() as both:
        yield both


@pytest.fixture(scope="module", params=VERSIONS)
def platform(
    request: pytest.FixtureRequest, checkouts: Mapping[str, Checkout]
) -> Iterator[Platform]:
    checkout = checkouts[request.param]
    settings = load_stack_file(checkout.folder, "local")
    with checkout.account() as access:
        for rotated in rotated_logins(settings):
            # So that both of the pair have a password.
            rotate(boto3.Session(), rotated, lambda _: None)
        keys = Keys(checkout, access, settings.account)
        for instance in INSTANCES:
            make_objects(keys, settings, list(actors(settings, instance)))
        yield Platform(name=request.param, settings=settings, keys=keys)
