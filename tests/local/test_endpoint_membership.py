"""Who is an IAM user: memberships in `rds_iam` as RDS counts them, on both majors."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.local.instance_client import Instance

PASSWORD = "correct-horse"


def method(instance: Instance, user: str) -> str:
    """With which kind of credential the endpoint wants `user` to log in; it has a password."""
    try:
        instance.connect(user, PASSWORD).close()
    except psycopg.OperationalError as refused:
        return "iam" if "PAM authentication failed" in str(refused) else str(refused)
    return "scram"


@pytest.fixture
def user(instance: Instance) -> str:
    return instance.login(password=PASSWORD)


def test_no_member(instance: Instance, user: str) -> None:
    assert method(instance, user) == "scram"


@pytest.mark.parametrize(
    "options",
    ["", "WITH INHERIT FALSE, SET TRUE", "WITH INHERIT TRUE, SET FALSE"],
)
def test_direct_member(instance: Instance, user: str, options: str) -> None:
    instance.run(f"GRANT rds_iam TO {user} {options}")

    assert method(instance, user) == "iam"


def test_direct_member_that_does_not_inherit(instance: Instance) -> None:
    user = instance.login("LOGIN NOINHERIT", iam=True, password=PASSWORD)

    assert method(instance, user) == "iam"


def test_member_through_a_group(instance: Instance, user: str) -> None:
    group = instance.login("NOLOGIN", iam=True)
    instance.run(f"GRANT {group} TO {user}")

    assert method(instance, user) == "iam"


def test_revoked_member(instance: Instance, user: str) -> None:
    instance.run(f"GRANT rds_iam TO {user}", f"REVOKE rds_iam FROM {user}")

    assert method(instance, user) == "scram"


def test_member_with_admin_option_only_outside_rds_superuser(instance: Instance, user: str) -> None:
    instance.run(f"GRANT rds_iam TO {user} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")

    assert method(instance, user) == "iam"


def test_creator_outside_rds_superuser_of_a_member(instance: Instance) -> None:
    creator = instance.login("LOGIN CREATEROLE", password=PASSWORD)
    created = f"created_{secrets.token_hex(4)}"
    with instance.connect(creator, PASSWORD) as connection:
        instance.execute(connection, f"CREATE ROLE {created}")
    instance.run(f"GRANT rds_iam TO {created}")

    assert method(instance, creator) == "iam"


def test_provisioner_grants_on(instance: Instance) -> None:
    """The way to provision: an IAM login with ADMIN on rds_iam makes further IAM logins."""
    provisioner, key = instance.iam_login()
    created = f"created_{secrets.token_hex(4)}"
    instance.run(f"ALTER ROLE {provisioner} CREATEROLE")
    instance.run(f"GRANT rds_iam TO {provisioner} WITH ADMIN OPTION")

    with instance.connect(provisioner, instance.token(key, provisioner)) as connection:
        instance.execute(connection, f"CREATE ROLE {created} LOGIN")
        instance.execute(connection, f"GRANT rds_iam TO {created}")

    assert method(instance, created) == "iam"
    assert method(instance, provisioner) == "iam"
