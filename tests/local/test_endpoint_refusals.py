"""Whoever has no business in a database is refused, and the endpoint's log says why."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from tests.local.instance_client import PAM

if TYPE_CHECKING:
    from tests.local.instance_client import Instance
    from tests.local.known_identities import KnownIdentities


def test_plaintext(instance: Instance) -> None:
    user, key = instance.iam_login()

    reason = instance.refusal(
        user,
        instance.token(key, user),
        f'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "postgres", no encr',
        sslmode="disable",
    )

    assert reason == "no TLS although rds.force_ssl=1"


def test_plaintext_for_a_password_login(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    reason = instance.refusal(user, "correct-horse", "no encryption", sslmode="disable")

    assert reason == "no TLS although rds.force_ssl=1"


def test_password_for_an_iam_login(instance: Instance) -> None:
    user = instance.login(iam=True, password="correct-horse")

    reason = instance.refusal(user, "correct-horse", PAM.format(user=user))

    assert reason == "password given for a login that is a member of rds_iam"


def test_token_for_a_password_login(instance: Instance, identities: KnownIdentities) -> None:
    user = instance.login(password="correct-horse")
    key = identities.role("mistaken")
    identities.say("Allow", key, instance.spec.connect_resource(user))

    reason = instance.refusal(
        user,
        instance.token(key, user),
        f'password authentication failed for user "{user}"',
    )

    assert reason == "wrong password, or no such login"


@pytest.mark.parametrize("password", ["wrong", ""])
def test_wrong_password(instance: Instance, password: str) -> None:
    user = instance.login(password="correct-horse")

    if password:
        message = f'password authentication failed for user "{user}"'
        assert instance.refusal(user, password, message) == "wrong password, or no such login"
    else:
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            instance.connect(user, password)


@pytest.mark.parametrize("kind", ["unknown", "no password", "md5"])
def test_logins_that_no_password_opens(instance: Instance, kind: str) -> None:
    user = f"nobody_{secrets.token_hex(4)}" if kind == "unknown" else instance.login()
    if kind == "md5":
        instance.run(f"ALTER ROLE {user} PASSWORD 'md5{'0' * 32}'")

    message = f'password authentication failed for user "{user}"'
    assert instance.refusal(user, "anything", message) == "wrong password, or no such login"


def test_expired_password(instance: Instance) -> None:
    user = instance.login("LOGIN VALID UNTIL '2020-01-01'", password="correct-horse")

    message = f'password authentication failed for user "{user}"'
    assert instance.refusal(user, "correct-horse", message) == "the password has expired"


def test_role_that_may_not_log_in(instance: Instance) -> None:
    user = instance.login("NOLOGIN", password="correct-horse")

    message = f'role "{user}" is not permitted to log in'
    assert instance.refusal(user, "correct-horse", message) == message


def test_database_that_is_not_there(instance: Instance) -> None:
    user, key = instance.iam_login()

    with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
        instance.connect(user, instance.token(key, user), dbname="nowhere")

    line = instance.line(event="refused", user=user)
    assert (line["sqlstate"], line["database"]) == ("3D000", "nowhere")
    assert line["identity"] == key.principal


def test_bad_token_learns_nothing_about_databases(instance: Instance) -> None:
    user, _ = instance.iam_login()

    reason = instance.refusal(user, "guess", PAM.format(user=user), dbname="nowhere")

    assert reason == "password given for a login that is a member of rds_iam"


@pytest.mark.parametrize(("user", "database"), [("rdsadmin", "postgres"), ("anyone", "rdsadmin")])
def test_the_service_itself_is_out_of_reach(instance: Instance, user: str, database: str) -> None:
    before = len(instance.lines(event="refused", user=user))

    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection for host"):
        instance.connect(user, "anything", dbname=database)

    line = instance.lines(event="refused", user=user)[before]
    assert line["reason"] == "rdsadmin is reserved for the service itself"


def test_physical_replication(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    message = "no pg_hba.conf entry for replication connection from host"
    reason = instance.refusal(user, "correct-horse", message, replication="true")

    assert reason == "replication is not offered"


def test_user_name_that_would_be_cut_short(instance: Instance) -> None:
    user = instance.login(password="correct-horse")
    longer = f"{user:x<64}"

    message = "user name is longer than 63 bytes"
    with pytest.raises(psycopg.OperationalError, match=message):
        instance.connect(longer, "correct-horse")


def test_session_cannot_leave_its_role(instance: Instance) -> None:
    user, key = instance.iam_login()

    with instance.connect(user, instance.token(key, user)) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SET SESSION AUTHORIZATION rdsadmin")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SET ROLE dbmaster")
