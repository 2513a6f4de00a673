"""A token opens one login of one instance for fifteen minutes; the log says why not."""

from __future__ import annotations

import dataclasses
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.local.instance_client import PAM

if TYPE_CHECKING:
    from tests.local.instance_client import Instance
    from tests.local.known_identities import Clock, KnownIdentities


def signed_at(token: str) -> datetime:
    date = parse_qs(urlsplit(f"https://{token}").query)["X-Amz-Date"][0]
    return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_credentials_of_another_role(instance: Instance) -> None:
    user, _ = instance.iam_login()
    other_user, other_key = instance.iam_login()
    assert other_user != user

    reason = instance.refusal(user, instance.token(other_key, user), PAM.format(user=user))

    resource = instance.spec.connect_resource(user)
    assert reason == f"no statement allows rds-db:connect on {resource}"


def test_token_for_another_user(instance: Instance) -> None:
    user, _ = instance.iam_login()
    other_user, other_key = instance.iam_login()

    token = instance.token(other_key, other_user)
    reason = instance.refusal(user, token, PAM.format(user=user))

    assert reason == f"token is for user {other_user}, not {user}"


def test_token_for_the_other_instance(instance: Instance, other_instance: Instance) -> None:
    user, key = instance.iam_login()

    token = other_instance.token(key, user)
    reason = instance.refusal(user, token, PAM.format(user=user))

    here, there = (f"{i.address}:{i.spec.port}" for i in (instance, other_instance))
    assert reason == f"token is for {there}, not {here}"


def test_token_for_another_region(instance: Instance) -> None:
    user, key = instance.iam_login()

    token = key.token(instance.address, instance.spec.port, user, region="us-east-1")
    reason = instance.refusal(user, token, PAM.format(user=user))

    assert reason == "token is for region us-east-1, not eu-west-1"


def test_allowed_on_another_instance_only(
    instance: Instance, other_instance: Instance, identities: KnownIdentities
) -> None:
    user = instance.login(iam=True)
    key = identities.role("elsewhere")
    identities.say("Allow", key, other_instance.spec.connect_resource(user))

    reason = instance.refusal(user, instance.token(key, user), PAM.format(user=user))

    assert reason.startswith("no statement allows rds-db:connect on arn:aws:rds-db:eu-west-1:")


def test_explicit_deny(instance: Instance, identities: KnownIdentities) -> None:
    user, key = instance.iam_login()
    identities.say("Deny", key, f"*:{instance.spec.resource_id}/*")

    reason = instance.refusal(user, instance.token(key, user), PAM.format(user=user))

    assert reason.startswith("explicit deny of rds-db:connect on ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-Expires=900", "X-Amz-Expires=800"),
        ("DBUser=login", "DBUser=LOGIN"),
        ("X-Amz-Security-Token=", "Extra=1&X-Amz-Security-Token="),
    ],
)
def test_tampered_token(instance: Instance, old: str, new: str) -> None:
    user, key = instance.iam_login()

    token = instance.token(key, user).replace(old, new)
    reason = instance.refusal(user, token, PAM.format(user=user))

    assert reason == "signature does not match"


def test_another_secret_key(instance: Instance) -> None:
    user, key = instance.iam_login()
    forged = dataclasses.replace(key, secret_key=secrets.token_urlsafe(30))

    reason = instance.refusal(user, instance.token(forged, user), PAM.format(user=user))

    assert reason == "signature does not match"


def test_unknown_access_key(instance: Instance) -> None:
    user, key = instance.iam_login()
    forged = dataclasses.replace(key, access_key_id="ASIA0000000000000000")

    reason = instance.refusal(user, instance.token(forged, user), PAM.format(user=user))

    assert reason == "the access key is unknown"


def test_session_token_of_another_session(instance: Instance) -> None:
    user, key = instance.iam_login()
    mixed = dataclasses.replace(key, session_token="another")

    reason = instance.refusal(user, instance.token(mixed, user), PAM.format(user=user))

    assert reason == "the session token does not belong to the access key"


def test_fifteen_minutes_and_one_second_old(instance: Instance, clock: Clock) -> None:
    user, key = instance.iam_login()
    token = instance.token(key, user)

    with clock.at(signed_at(token) + timedelta(minutes=15, seconds=1)):
        reason = instance.refusal(user, token, PAM.format(user=user))

    assert reason == "token is older than 15 minutes"


def test_fifteen_minutes_old_is_young_enough(instance: Instance, clock: Clock) -> None:
    user, key = instance.iam_login()
    token = instance.token(key, user)

    with clock.at(signed_at(token) + timedelta(minutes=15)):
        instance.connect(user, token).close()

    assert instance.line(event="in", user=user)


def test_session_outlives_its_token(instance: Instance, clock: Clock) -> None:
    user, key = instance.iam_login()
    token = instance.token(key, user)

    with (
        instance.connect(user, token) as connection,
        clock.at(signed_at(token) + timedelta(minutes=16)),
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_token_from_the_future(instance: Instance, clock: Clock) -> None:
    user, key = instance.iam_login()
    token = instance.token(key, user)

    with clock.at(signed_at(token) - timedelta(minutes=5, seconds=1)):
        reason = instance.refusal(user, token, PAM.format(user=user))

    assert reason == "token is dated in the future"


def test_malformed_token(instance: Instance) -> None:
    user, key = instance.iam_login()
    token = instance.token(key, user).replace("Action=connect", "Action=disconnect")

    assert instance.refusal(user, token, PAM.format(user=user)) == "token is malformed"
