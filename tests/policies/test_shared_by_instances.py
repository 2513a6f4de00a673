"""What two instances share is seen whatever they use it for, and left open while it is unknown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from policies.judgement import Environment, Outcome, judge
from policies.resources import Stack
from policies.rules import RULES
from policies.rules.databases import INSTANCE
from policies.values import UNKNOWN
from tests.policies.cases import changed
from tests.policies.cases_databases import without_origins

METADATA = (INSTANCE, "metadata")
ASKED = [one for one in RULES if one.about.name == "rds-metadata-app-separated"]


KEYS = ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId")


@pytest.mark.parametrize("path", [*KEYS, "monitoringRoleArn"])
def test_whether_it_is_shared_is_not_yet_known(stack_of: Callable[[str], Stack], path: str) -> None:
    stack = changed(stack_of("prod"), METADATA, without_origins(path, UNKNOWN))
    verdicts = judge(ASKED, stack, Environment()).verdicts
    told = [(one.where, one.outcome) for one in verdicts]
    later = Outcome.NOT_YET_KNOWN
    assert sorted(told) == [("Instance application", later), ("Instance metadata", later)]


def test_a_key_is_shared_for_whatever_it_is_used(stack_of: Callable[[str], Stack]) -> None:
    own, shared = (f"arn:aws:kms:eu-west-1:444455556666:key/{name}" for name in ("own", "shared"))
    stack = stack_of("prod")
    for path in KEYS:
        stack = changed(stack, (INSTANCE, "application"), without_origins(path, own))
    for at, path in ((METADATA, "kmsKeyId"), ((INSTANCE, "application"), KEYS[1])):
        stack = changed(stack, at, without_origins(path, shared))
    verdicts = judge(ASKED, stack, Environment()).verdicts
    assert [one.outcome for one in verdicts] == [Outcome.REFUSED] * 2
