"""Logging in as every login of the matrix with its own IAM role's token; it tests nothing."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg

from components import naming
from components.airflow.metadata_access import SERVICE_ACCOUNTS
from local.login import Login
from tests.environment.checkout import APPLICATION, METADATA, master, provisioner

if TYPE_CHECKING:
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
        self._client = cache(lambda login: access.session(login).client("rds"))

    def login(self, actor: Actor) -> Login:
        """The login of an actor, and the IAM role that it has."""
        if actor.standing in {"P", "M"}:
            login = provisioner() if actor.standing == "P" else master()
            here = {"application": APPLICATION, "metadata": METADATA}[actor.instance]
            return dataclasses.replace(login, role_arn=login.role_arn.replace(APPLICATION, here))
        if actor.instance == "application":
            return self._access.login(actor.user)
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
        return self.try_login(actor, actor.instance, actor.user, database or actor.database)

    def try_login(self, actor: Actor, instance: str, user: str, database: str) -> Session:
        """Log in as any user of any instance, with a token signed by the actor's role.

        Raises:
            psycopg.OperationalError: the server refuses.
        """
        at: Instance = self._instances[instance]
        token = self._client(self.login(actor)).generate_db_auth_token(
            DBHostname=at.host, Port=at.port, DBUsername=user
        )
        return psycopg.connect(
            **self._checkout.libpq(at, user, token, dbname=database),
            autocommit=True,
            # Objects are dropped and rolled back under the statements.
            prepare_threshold=None,
        )
