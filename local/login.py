"""Logging in to the local databases as anybody the settings declare, the way it is done on AWS.

A workflow presents the web identity token of its service account to STS; people, agents and
deployers assume their role with their own keys; both sign an IAM token for exactly one instance and
user. Only where the settings say so there is a password, in a secret that the role may read. There
is no other way in, and none is added here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from components import naming
from local.account.oidc import Issuer
from local.paths import Paths
from stacks.settings import Agent, Person, Settings, Workflow

PREFIX = "airflow-local"
SESSION_NAME = "local"
CONNECT_SECONDS = 10


class LoginError(Exception):
    """Nobody of that name may log in, or not now; the text says who may, or what to do."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """One login of the settings: who it is for, and how it gets its credentials."""

    name: str
    """As in the settings: `billing`; or `provisioner`, `master`."""
    environment: str
    user: str
    """The PostgreSQL login; of a pair that takes turns, what both names begin with."""
    role_arn: str
    """The IAM role that may use it."""
    service_account: str | None = None
    """The Kubernetes service account that gets the role by web identity."""
    profile: str | None = None
    """The profile in the shared credentials file that assumes the role."""
    secret: str | None = None
    """The secret with its password, if it has one."""

    @property
    def how(self) -> str:
        """How the role's credentials are got, in words."""
        if self.service_account is None:
            return f"AssumeRole by {self.profile}"
        return f"web identity of {self.service_account}"


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A database instance as `DescribeDBInstances` tells it."""

    name: str
    """`metadata` or `application`."""
    identifier: str
    host: str
    port: int
    status: str
    """As RDS words it, such as `available`."""
    default_database: str


class Access:
    """Logins of the local environment, and connections as them."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths = paths
        self._settings = settings
        # Every session of botocore would read AWS's descriptions of its services anew.
        self._descriptions = botocore.loaders.create_loader()

    def logins(self) -> list[Login]:
        """Return every login for a workflow, a person or an agent, in each environment."""
        settings = self._settings
        return [
            login
            for environment in settings.environments
            for login in (
                *(self._workflow(environment, one) for one in settings.workflows),
                *(self._visitor(environment, "person", one) for one in settings.people),
                *(self._visitor(environment, "agent", one) for one in settings.agents),
            )
        ]

    def login(self, name: str, environment: str | None = None) -> Login:
        """Return the login called `name`.

        Raises:
            LoginError: there is none, or there is one in several environments.
        """
        everybody = self.logins()
        found = [
            one
            for one in everybody
            if name in {one.name, one.user} and environment in {None, one.environment}
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise LoginError(
                f"AS={name} is in several environments: write one of "
                + ", ".join(f"AS={one.user}" for one in found)
            )
        raise LoginError(
            f"AS={name or '(nothing)'} is no login of the settings: write one of "
            + ", ".join(f"AS={one.user}" for one in everybody)
        )

    def instance(self, name: str) -> Instance:
        """Return the instance called `metadata` or `application`, as it is now.

        Raises:
            LoginError: it is called neither, or is not there yet.
        """
        for one in self.instances():
            if one.name == name:
                return one
        if name in {"application", "metadata"}:
            raise LoginError(f"there is no {name} instance yet: run `make up` to its end first")
        raise LoginError(f"DB={name} is no instance: write DB=application or DB=metadata")

    def instances(self) -> list[Instance]:
        """Return the instances of the platform that exist."""
        databases = {
            "application": naming.APPLICATION_DATABASE,
            "metadata": naming.metadata_database(self._settings.environments[0]),
        }
        by_identifier = {naming.db_instance_name(PREFIX, name): name for name in databases}
        found = self._profile("deployer").client("rds").describe_db_instances()["DBInstances"]
        return [
            Instance(
                name=by_identifier[one["DBInstanceIdentifier"]],
                identifier=one["DBInstanceIdentifier"],
                host=one["Endpoint"]["Address"],
                port=one["Endpoint"]["Port"],
                status=one["DBInstanceStatus"],
                default_database=databases[by_identifier[one["DBInstanceIdentifier"]]],
            )
            for one in found
            if one["DBInstanceIdentifier"] in by_identifier
        ]

    def session(self, login: Login) -> boto3.Session:
        """Return a session with fresh temporary credentials of the login's role.

        Raises:
            LoginError: whoever the login is for may not have them, or the role is not there yet.
        """
        try:
            credentials = self._assume(login)["Credentials"]
        except (BotoCoreError, ClientError) as error:
            raise LoginError(
                f"{login.user} gets no credentials of {login.role_arn} by {login.how} ({error}): "
                "run `make up` if the settings were edited since"
            ) from error
        return self._new_session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=self._settings.region,
        )

    def credential(self, login: Login, instance: Instance) -> tuple[str, str]:
        """Return the user and what it logs in with now: a token, or what its secret holds.

        Raises:
            LoginError: whoever the login is for gets neither.
        """
        if login.secret is None:
            return login.user, self.token(login, instance)
        client = self.session(login).client("secretsmanager")
        try:
            held = json.loads(client.get_secret_value(SecretId=login.secret)["SecretString"])
        except (BotoCoreError, ClientError) as error:
            raise LoginError(f"{login.user} cannot read {login.secret} ({error})") from error
        return held["username"], held["password"]

    def token(self, login: Login, instance: Instance) -> str:
        """Return an IAM token for this login on this instance; it lives 15 minutes."""
        client = self.session(login).client("rds")
        token = client.generate_db_auth_token(
            DBHostname=instance.host, Port=instance.port, DBUsername=login.user
        )
        return str(token)

    def connect(
        self, login: Login, instance: Instance, *, autocommit: bool = False
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as `login`, with a fresh token or its password, over TLS verified in full."""
        user, password = self.credential(login, instance)
        return psycopg.connect(
            host=instance.host,
            port=instance.port,
            user=user,
            password=password,
            dbname=instance.default_database,
            sslmode="verify-full",
            sslrootcert=str(self._paths.ca_bundle),
            connect_timeout=CONNECT_SECONDS,
            autocommit=autocommit,
        )

    def _assume(self, login: Login) -> dict[str, Any]:
        whose = {"RoleArn": login.role_arn, "RoleSessionName": SESSION_NAME}
        if login.service_account is None:
            granted = self._profile(login.profile).client("sts").assume_role(**whose)
        else:
            granted = (
                self._profile("deployer")
                .client("sts")
                .assume_role_with_web_identity(
                    **whose, WebIdentityToken=self._web_identity_token(login)
                )
            )
        return dict(granted)

    def _workflow(self, environment: str, workflow: Workflow) -> Login:
        name = workflow.name
        secret = naming.connection_secret(environment, name)
        return Login(
            name=name,
            environment=environment,
            user=naming.login_name(environment, name),
            role_arn=self._role(naming.access_role(environment, "workflow", name)),
            service_account=f"{naming.namespace(environment)}/{naming.service_account(name)}",
            secret=None if workflow.interval_days is None else secret,
        )

    def _visitor(self, environment: str, kind: str, reader: Person | Agent) -> Login:
        name = reader.name
        secret = naming.login_secret(environment, name)
        return Login(
            name=name,
            environment=environment,
            user=naming.login_name(environment, name),
            role_arn=self._role(naming.access_role(environment, kind, name)),
            profile=reader.principal.rsplit("/", 1)[-1],
            secret=None if reader.interval_days is None else secret,
        )

    def _role(self, name: str) -> str:
        return f"arn:aws:iam::{self._settings.account}:role/{name}"

    def _profile(self, profile: str | None) -> boto3.Session:
        return self._new_session(profile_name=profile)

    def _new_session(self, **given: str | None) -> boto3.Session:
        core = botocore.session.Session()
        core.register_component("data_loader", self._descriptions)
        return boto3.Session(botocore_session=core, **given)

    def _web_identity_token(self, login: Login) -> str:
        namespace, _, service_account = str(login.service_account).partition("/")
        return Issuer(self._paths.account, self._settings.region).mint(namespace, service_account)
