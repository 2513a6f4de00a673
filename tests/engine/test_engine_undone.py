"""The end of the `local` stack: the real engine destroys all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

if TYPE_CHECKING:
    from tests.engine.pulumi_stack import PulumiStack


@pytest.mark.usefixtures("upped")
def test_destroy_leaves_nothing(engine: PulumiStack) -> None:
    there = len(engine.export())

    assert engine.destroy() == {"delete": there}

    assert engine.export() == {}
    with engine.checkout.account():
        assert boto3.client("rds").describe_db_instances()["DBInstances"] == []
        roles = [one["RoleName"] for one in boto3.client("iam").list_roles()["Roles"]]
    assert [name for name in roles if name.startswith("airflow-local-")] == []
    manifests = engine.checkout.paths.manifests
    assert [file for file in manifests.rglob("*") if file.is_file()] == []
