"""Logging in as every login of the matrix with its own IAM role's token, or its password."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import psycopg

from components import naming
from components.airflow.metadata_access import SERVICE_ACCOUNTS
from components.naming import iam_role_name
from components.rotation_names import function_name
from local.account.sessions import Sessions
from local.login import Login
from tests.environment.checkout import APPLICATION, METADATA, master, provisioner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.login import Access, Instance
    from tests.environment.checkout import Checkout
    from tests.privileges.matrix import Actor

Session = psycopg.Connection[tuple[Any, ...]]


class Keys:
    """Opens sessions as actors of the matrix, over TLS that is verified in full."""

    def __init__(self, checkout: Checkout, access: Access, account: str) -> None:
        self._checkout, self._access, self._account = checkout, access, account
        self._instances = {one.name: one for one in access.instances()}
        # An IAM role's credentials live for an hour.
        self._client = cache(
            lambda login, is_function: (
                self._as_function(login) if is_function else access.session(login)
            ).client("rds")
        )
        self._passwords = cache(self._passwords_of)

    def login(self, actor: Actor) -> Login:
        """The login of an actor, and the IAM role that it has."""
        if actor.standing in {"P", "M"}:
            login = provisioner() if actor.standing == "P" else master()
            here = {"application": APPLICATION, "metadata": METADATA}[actor.instance]
            return dataclasses.replace(login, role_arn=login.role_arn.replace(APPLICATION, here))
        if actor.standing == "T":
            role = iam_role_name(function_name(actor.environment, actor.name))
            return Login(
                name=actor.name,
                environment=actor.environment,
                user=actor.user,
                role_arn=f"arn:aws:iam::{self._account}:role/{role}",
            )
        if actor.instance == "application":
            return self._access.login(actor.name, actor.environment)
        role = naming.access_role(actor.environment, "component", actor.name)
        return Login(
            name=actor.name,
            environment=actor.environment,
            user=actor.user,
            role_arn=f"arn:aws:iam::{self._account}:role/{role}",
            service_account=f"{naming.namespace(actor.environment)}/{SERVICE_ACCOUNTS[actor.name]}",
        )

    def connect(self, actor: Actor, database: str = "") -> Session:
        """Log in as the actor, in its own database when none is named, without a transaction.

        Raises:
            psycopg.OperationalError: the server refuses.
        """
        database = database or actor.database
        if actor.secret:
            password = self._passwords(self.login(actor))[actor.user]
            return self._open(actor.instance, actor.user, password, database)
        return self.try_login(actor, actor.instance, actor.user, database)

    def try_login(self, actor: Actor, instance: str, user: str, database: str) -> Session:
        """Log in as any user of any instance, with a token signed by the actor's role.

        Raises:
            psycopg.OperationalError: the server refuses.
        """
        at: Instance = self._instances[instance]
        token = self._client(self.login(actor), actor.standing == "T").generate_db_auth_token(
            DBHostname=at.host, Port=at.port, DBUsername=user
        )
        return self._open(instance, user, token, database)

    def _open(self, instance: str, user: str, password: str, database: str) -> Session:
        return psycopg.connect(
            **self._checkout.libpq(self._instances[instance], user, password, dbname=database),
            autocommit=True,
            # Objects are dropped and rolled back under the statements.
            prepare_threshold=None,
        )

    def _as_function(self, login: Login) -> boto3.Session:
        """A session of a role that only Lambda may assume, as Lambda hands it to a function."""
        role = boto3.client("iam").get_role(RoleName=login.role_arn.rpartition("/")[2])["Role"]
        issued = Sessions(self._checkout.paths.account / "sessions.key").issue(
            role_arn=role["Arn"], role_id=role["RoleId"], name="matrix", duration=3600
        )
        return boto3.Session(
            aws_access_key_id=issued.access_key_id,
            aws_secret_access_key=issued.secret_access_key,
            aws_session_token=issued.session_token,
        )

    def _passwords_of(self, login: Login) -> Mapping[str, str]:
        """Of a pair that has been rotated: user to password."""
        client = self._access.session(login).client("secretsmanager")
        values = [
            json.loads(
                client.get_secret_value(SecretId=login.secret, VersionStage=stage)["SecretString"]
            )
            for stage in ("AWSCURRENT", "AWSPREVIOUS")
        ]
        return {one["username"]: one["password"] for one in values}
