"""A running account for tests, as `make up` starts it, and clients of it over the wire.

Fixtures:
    local_account: one account for a whole session; tests make resources of their own in it.
    fresh_account: an account of the test's own, not started yet; gone afterwards.
    database: a database instance that runs PostgreSQL 16, shared: leave it as it was.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import psycopg
import pytest
from botocore.config import Config

from local.account import service
from local.account.landing_zone import LandingZone
from local.account.oidc import Issuer
from local.paths import Paths

ACCOUNT = "123456789012"
REGION = "eu-west-1"
SUBNETS = ("subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60719")
USER = f"arn:aws:iam::{ACCOUNT}:user/"
MASTER = "dbmaster"


def zone(**changes: Any) -> LandingZone:  # noqa: ANN401 - fields of LandingZone
    """The landing zone of the `local` settings, with changes."""
    fields: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "cluster": "data-platform",
        "subnets": SUBNETS,
        "administrators": (f"{USER}deployer",),
        "users": (f"{USER}break-glass", f"{USER}analyst"),
        "topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
    }
    return LandingZone(**fields | changes)


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{secrets.token_hex(4)}"


def document(*statements: dict[str, Any]) -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: str = "*") -> dict[str, Any]:
    """A statement that denies."""
    return {"Effect": "Deny", "Action": action, "Resource": resource}


@dataclass
class LocalAccount:
    """An account that runs, or can be started."""

    paths: Paths
    zone: LandingZone = field(default_factory=zone)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict, repr=False)

    def start(self) -> service.Status:
        """Start it, or add to it what its zone says by now."""
        return service.start(self.paths, self.zone)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.paths.address.read_text().strip()}"

    @property
    def issuer(self) -> Issuer:
        """The cluster's OIDC issuer."""
        return Issuer(self.paths.account, REGION)

    @property
    def provider(self) -> str:
        """ARN of the issuer's identity provider in IAM."""
        return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{self.issuer.host_path}"

    def session(self, profile: str = "deployer") -> boto3.Session:
        """A session out of the shared files alone, as every AWS SDK would make it."""
        core = botocore.session.Session()
        core.set_config_variable("config_file", str(self.paths.config))
        core.set_config_variable("credentials_file", str(self.paths.credentials))
        core.set_config_variable("profile", profile)
        return boto3.Session(botocore_session=core)

    def client(self, name: str, profile: str = "deployer") -> Any:  # noqa: ANN401
        """A client of a service, as a user of the landing zone; made once, as that is slow."""
        known = (self.paths.config.read_text(), name, profile)
        if known not in self._clients:
            config = Config(retries={"max_attempts": 1})
            self._clients[known] = self.session(profile).client(name, config=config)
        return self._clients[known]

    def client_of(self, name: str, credentials: dict[str, Any]) -> Any:  # noqa: ANN401
        """A client of a service with credentials that STS gave."""
        return boto3.client(
            name,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            config=Config(retries={"max_attempts": 1}),
        )

    def role(self, trust: dict[str, Any] | None = None, **policies: str) -> str:
        """Make a role that the user `analyst` may assume, or with another trust; its ARN."""
        iam, name = self.client("iam"), unique("role")
        trusted = trust or {"Principal": {"AWS": f"{USER}analyst"}, "Action": "sts:AssumeRole"}
        made = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=document({"Effect": "Allow", **trusted})
        )
        for policy, text in policies.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)
        return str(made["Role"]["Arn"])

    def service_account_role(self, name: str, **policies: str) -> str:
        """Make a role for the service account `name` in the namespace `airflow-dev`; its ARN."""
        prefix = self.issuer.host_path
        subject = f"system:serviceaccount:airflow-dev:{name}"
        claims = {f"{prefix}:sub": subject, f"{prefix}:aud": "sts.amazonaws.com"}
        trust = {
            "Principal": {"Federated": self.provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": claims},
        }
        return self.role(trust, **policies)

    def assume(self, role_arn: str, profile: str = "analyst", **given: Any) -> dict[str, Any]:  # noqa: ANN401
        """Assume a role as a user; the credentials."""
        answer = self.client("sts", profile).assume_role(
            RoleArn=role_arn, RoleSessionName="test", **given
        )
        return dict(answer["Credentials"])

    def exchange(self, role_arn: str, token: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401
        """Exchange a service account's token; the answer of STS."""
        unsigned = boto3.client(
            "sts",
            region_name=REGION,
            endpoint_url=self.url,
            config=Config(signature_version=botocore.UNSIGNED, retries={"max_attempts": 1}),
        )
        return dict(
            unsigned.assume_role_with_web_identity(
                RoleArn=role_arn, RoleSessionName="pod", WebIdentityToken=token, **given
            )
        )

    def wait(self, identifier: str, *statuses: str) -> dict[str, Any]:
        """Wait until an instance has one of the statuses, `available` when none is named."""
        rds, deadline = self.client("rds"), time.monotonic() + 60
        while time.monotonic() < deadline:
            found = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
            if found["DBInstanceStatus"] in (statuses or ("available",)):
                return dict(found)
            time.sleep(0.05)
        raise TimeoutError(f"{identifier} is {found['DBInstanceStatus']}")

    def master_password(self, identifier: str) -> str:
        """What the instance's managed secret holds."""
        found = self.wait(identifier)
        value = self.client("secretsmanager").get_secret_value(
            SecretId=found["MasterUserSecret"]["SecretArn"]
        )
        return str(json.loads(value["SecretString"])["password"])

    def connect(
        self, identifier: str, user: str, password: str, database: str = "postgres"
    ) -> psycopg.Connection[Any]:
        """Log in to an instance, with everything verified."""
        endpoint = self.wait(identifier)["Endpoint"]
        return psycopg.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user=user,
            password=password,
            dbname=database,
            sslmode="verify-full",
            sslrootcert=str(self.paths.ca_bundle),
            autocommit=True,
            connect_timeout=10,
        )

    def token(self, identifier: str, user: str, credentials: dict[str, Any]) -> str:
        """An IAM token for an instance."""
        endpoint = self.wait(identifier)["Endpoint"]
        return str(
            self.client_of("rds", credentials).generate_db_auth_token(
                DBHostname=endpoint["Address"], Port=endpoint["Port"], DBUsername=user
            )
        )

    def journal(self, identifier: str) -> list[dict[str, Any]]:
        """What the instance's endpoint has written down."""
        file = self.paths.endpoint_logs / f"{identifier}.log"
        return [json.loads(line) for line in file.read_text().splitlines()]


def instance_input(identifier: str, port: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The input of CreateDBInstance."""
    return {
        "DBInstanceIdentifier": identifier,
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "EngineVersion": "16",
        "AllocatedStorage": 20,
        "MasterUsername": MASTER,
        "ManageMasterUserPassword": True,
        "EnableIAMDatabaseAuthentication": True,
        "Port": port,
        **changes,
    }


@pytest.fixture(scope="session")
def local_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """Start an account for all tests."""
    account = LocalAccount(Paths(tmp_path_factory.mktemp("account")))
    account.start()
    try:
        yield account
    finally:
        service.stop(account.paths)


@pytest.fixture
def fresh_account(tmp_path: Path) -> Iterator[LocalAccount]:
    """Give an account that is not started yet."""
    account = LocalAccount(Paths(tmp_path))
    try:
        yield account
    finally:
        service.stop(account.paths)


@pytest.fixture(scope="session")
def database(local_account: LocalAccount, next_port: Callable[[], int]) -> str:
    """Make a database instance; its identifier."""
    identifier = unique("shared")
    local_account.client("rds").create_db_instance(**instance_input(identifier, next_port()))
    local_account.wait(identifier)
    return identifier


@pytest.fixture(scope="session")
def next_port() -> Callable[[], int]:
    """Give a port that no instance of the session's account has; its address is its own."""
    ports = iter(range(15432, 16432))
    return lambda: next(ports)
