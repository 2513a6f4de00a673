"""Who is refused at the databases and by STS, each for its own reason, which the log gives."""

from __future__ import annotations

import dataclasses
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest import mock

import boto3
import botocore.auth
import psycopg
import pytest

from local.login import LoginError
from tests.environment.checkout import APPLICATION, METADATA, master, master_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.login import Access
    from tests.environment.checkout import Checkout
    from tests.environment.visits import Visits

    LogIn = Callable[..., None]

LIFETIME = timedelta(minutes=15)


@pytest.fixture
def log_in(environment: Checkout, access: Access) -> LogIn:
    """Log in and out again."""

    def log_in(user: str, password: str, at: str = "application", **more: str) -> None:
        given = environment.libpq(access.instance(at), user, password, **more)
        psycopg.connect(**given).close()

    return log_in


@pytest.fixture
def refused(log_in: LogIn, visits: Visits) -> Callable[..., str]:
    """Try to log in, be refused, and return the reason in the log."""

    def try_to(user: str, password: str, at: str = "application", **more: str) -> str:
        with pytest.raises(psycopg.OperationalError):
            log_in(user, password, at, **more)
        line = visits.only(event="refused", user=user)
        assert visits.all(event="in", user=user) == []
        assert line["instance"] == {"application": APPLICATION, "metadata": METADATA}[at]
        return str(line["reason"])

    return try_to


@contextmanager
def signing_at(moment: datetime) -> Iterator[None]:
    """Let botocore sign as if it were `moment`."""
    with mock.patch.object(botocore.auth, "get_current_datetime") as clock:
        clock.return_value = moment.replace(tzinfo=None)
        yield


def resource(user: str) -> str:
    """The database user as IAM names it."""
    (instance,) = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=APPLICATION)[
        "DBInstances"
    ]
    return f"arn:aws:rds-db:eu-west-1:123456789012:dbuser:{instance['DbiResourceId']}/{user}"


def test_plaintext(access: Access, refused: Callable[..., str]) -> None:
    token = access.token(access.login("billing"), access.instance("application"))

    reason = refused("local_billing", token, sslmode="disable")

    assert reason == "no TLS although rds.force_ssl=1"


def test_credentials_of_another_role(access: Access, refused: Callable[..., str]) -> None:
    """Signed for billing's login, but with the credentials that reference gets."""
    disguised = dataclasses.replace(access.login("reference"), user="local_billing")
    token = access.token(disguised, access.instance("application"))

    reason = refused("local_billing", token)

    assert reason == (
        "no statement of role airflow-local-workflow-reference allows rds-db:connect on "
        + resource("local_billing")
    )


def test_another_user(access: Access, refused: Callable[..., str]) -> None:
    token = access.token(access.login("billing"), access.instance("application"))

    reason = refused("local_reference", token)

    assert reason == "token is for user local_billing, not local_reference"


def test_token_of_the_other_instance(access: Access, refused: Callable[..., str]) -> None:
    application, metadata = access.instance("application"), access.instance("metadata")
    token = access.token(access.login("billing"), metadata)

    reason = refused("local_billing", token)

    assert reason == (
        f"token is for {metadata.host}:{metadata.port}, not {application.host}:{application.port}"
    )


def test_tampered_signature(access: Access, refused: Callable[..., str]) -> None:
    token = access.token(access.login("billing"), access.instance("application"))
    begin, _, signature = token.partition("X-Amz-Signature=")
    changed = ("0" if signature[0] != "0" else "1") + signature[1:]

    reason = refused("local_billing", f"{begin}X-Amz-Signature={changed}")

    assert reason == "signature does not match"


def test_fifteen_minutes_and_one_second(access: Access, refused: Callable[..., str]) -> None:
    login, instance = access.login("billing"), access.instance("application")
    client = access.session(login).client("rds")

    with signing_at(datetime.now(UTC) - LIFETIME - timedelta(seconds=1)):
        token = client.generate_db_auth_token(instance.host, instance.port, login.user)
    reason = refused("local_billing", token)

    assert reason == "token is older than 15 minutes"


def test_not_yet_fifteen_minutes(access: Access, log_in: LogIn, visits: Visits) -> None:
    """The other side of the limit, half a minute away from it as a machine may be slow."""
    login, instance = access.login("billing"), access.instance("application")
    client = access.session(login).client("rds")

    with signing_at(datetime.now(UTC) - LIFETIME + timedelta(seconds=30)):
        token = client.generate_db_auth_token(instance.host, instance.port, login.user)
    log_in("local_billing", token)

    assert visits.only(event="in")["user"] == "local_billing"


def test_explicit_deny(access: Access, refused: Callable[..., str], log_in: LogIn) -> None:
    """Added to the role by an administrator, and taken away again."""
    login = access.login("billing")
    iam = boto3.client("iam")
    policy = {"RoleName": login.role_arn.rpartition("/")[2], "PolicyName": "not-now"}
    statement = {"Effect": "Deny", "Action": "rds-db:connect", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    token = access.token(login, access.instance("application"))

    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
    try:
        reason = refused("local_billing", token)
    finally:
        iam.delete_role_policy(**policy)

    assert reason == "explicit deny in policy not-now of role airflow-local-workflow-billing"
    log_in("local_billing", token)


def test_iam_authentication_switched_off(
    access: Access, refused: Callable[..., str], log_in: LogIn
) -> None:
    rds = boto3.client("rds")
    token = access.token(access.login("billing"), access.instance("application"))

    def switch(*, on: bool) -> None:
        rds.modify_db_instance(
            DBInstanceIdentifier=APPLICATION,
            EnableIAMDatabaseAuthentication=on,
            ApplyImmediately=True,
        )
        rds.get_waiter("db_instance_available").wait(
            DBInstanceIdentifier=APPLICATION, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    switch(on=False)
    try:
        reason = refused("local_billing", token)
    finally:
        switch(on=True)

    assert reason == "IAM database authentication is not enabled on this instance"
    log_in("local_billing", token)


def test_password_for_an_iam_login(refused: Callable[..., str]) -> None:
    reason = refused("local_billing", "a-password-that-somebody-guessed")

    assert reason == "password given for a login that is a member of rds_iam"


@pytest.mark.parametrize("instance", ["application", "metadata"])
@pytest.mark.usefixtures("access")
def test_masters_password_after_bootstrap(instance: str, refused: Callable[..., str]) -> None:
    """The password is the right one: RDS keeps it in the master secret, and it opens nothing."""
    secret = master_secret({"application": APPLICATION, "metadata": METADATA}[instance])

    reason = refused(secret["username"], secret["password"], instance)

    assert reason == "password given for a login that is a member of rds_iam"


def test_breaking_glass_is_the_master_by_iam(access: Access, log_in: LogIn, visits: Visits) -> None:
    log_in("dbmaster", access.token(master(), access.instance("application")), dbname="postgres")

    line = visits.only(event="in")
    assert (line["user"], line["method"]) == ("dbmaster", "iam")
    assert f"assumed-role/{APPLICATION}-break-glass/" in line["identity"]


def test_web_identity_of_another_workflow(access: Access) -> None:
    """STS gives the credentials of billing's role to billing's service account alone."""
    login = access.login("billing")
    others = access.login("reference").service_account

    with pytest.raises(LoginError, match="AccessDenied"):
        access.session(dataclasses.replace(login, service_account=others))


def test_role_of_a_workflow_without_web_identity(access: Access) -> None:
    """Not even with the keys of the administrator of the account."""
    by_keys = dataclasses.replace(access.login("billing"), service_account=None, profile="deployer")

    with pytest.raises(LoginError, match="AccessDenied"):
        access.session(by_keys)


@pytest.mark.parametrize("profile", ["report-writer", "break-glass"])
def test_role_of_a_person_by_somebody_else(access: Access, profile: str) -> None:
    with pytest.raises(LoginError, match="AccessDenied"):
        access.session(dataclasses.replace(access.login("analysts"), profile=profile))
