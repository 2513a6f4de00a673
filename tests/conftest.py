"""Programs under test, recorded: what they register, with what AWS would answer made up.

Nothing is carried out, so nothing here proves that AWS or PostgreSQL accept it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pulumi
import pytest

from local.deploy.record import Recording, record
from local.deploy.registration import Call, Registration
from stacks import platform
from stacks.settings import load_stack_file

ROOT = Path(__file__).resolve().parent.parent
ISSUER = "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"


class Record(Protocol):
    """Runs a program and returns what it registered."""

    def __call__(
        self,
        program: Callable[[], object],
        *,
        stack: str = "test",
        config: Mapping[str, str] | None = None,
    ) -> Recording:
        """Run `program` as the stack named."""


def _answers(call: Call) -> Mapping[str, Any]:
    """The data sources there are; any other is a mistake."""
    known = {
        "aws:eks/getCluster:getCluster": {
            "name": call.args.get("name"),
            "endpoint": "https://EXAMPLE.gr7.eu-west-1.eks.amazonaws.com",
            "certificateAuthorities": [{"data": "Q0E="}],
            "vpcConfig": {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-cluster"},
            "identities": [{"oidcs": [{"issuer": ISSUER}]}],
        },
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": {
            "arn": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER.removeprefix('https://')}",
            "url": call.args.get("url"),
        },
        "aws:ec2/getSubnet:getSubnet": {"id": call.args.get("id"), "cidrBlock": "10.0.0.0/24"},
    }
    return known[call.token]


def _outputs(one: Registration) -> Mapping[str, Any]:
    """What a provider adds to the inputs: an id, and what our components read of it."""
    outputs: dict[str, Any] = {"id": f"{one.name}-id", "arn": f"arn:{one.type}:{one.name}"}
    if one.type == "aws:rds/instance:Instance":
        outputs |= {
            "address": f"{one.plain['identifier']}.rds.amazonaws.com",
            "resourceId": f"db-{one.name.upper():A<26}",
            "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{one.name}"}],
        }
    if one.type == "aws:rds/proxy:Proxy":
        outputs |= {
            "arn": "arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0123456789abcdef0",
            "endpoint": f"{one.name}.proxy.amazonaws.com",
        }
    if one.type == "aws:lambda/function:Function":
        outputs["codeSha256"] = "sha256-of-the-package"
    return outputs


@pytest.fixture(scope="session")
def recorded() -> Record:
    """Run a program and return what it registered."""

    def run(
        program: Callable[[], object],
        *,
        stack: str = "test",
        config: Mapping[str, str] | None = None,
    ) -> Recording:
        return record(
            program, stack=stack, config=config, root=ROOT, answers=_answers, outputs=_outputs
        )

    return run


@cache
def _stack(name: str) -> Recording:
    def program() -> None:
        settings = load_stack_file(ROOT, name, today=date(2026, 11, 22))
        for key, value in platform.declare(settings, stack=name).items():
            pulumi.export(key, value)

    return record(program, stack=name, root=ROOT, answers=_answers, outputs=_outputs)


@pytest.fixture(scope="session")
def recorded_stack() -> Callable[[str], Recording]:
    """Declare a whole stack, as its file says, and return what was registered."""
    return _stack
