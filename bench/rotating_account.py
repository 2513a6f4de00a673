"""An account of its own for the measurements of rotation: an instance, a pair of logins, a secret.

What the program would declare is made by hand here, as much as a rotation needs of it.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import psycopg
from botocore.config import Config

from lambdas.rotate_postgres.settings import Rotation
from local.account import service
from local.account.landing_zone import LandingZone
from local.paths import Paths

ACCOUNT, REGION = "123456789012", "eu-west-1"
LIMIT = 60
"""Of connections, of each login of the pair."""
_DATABASE = "postgres"
_USER = f"arn:aws:iam::{ACCOUNT}:user/deployer"
_MASTER = "dbmaster"
_PORT = 15432
_AWS = Config(retries={"total_max_attempts": 1}, max_pool_connections=LIMIT)
_ROLES = """
    CREATE ROLE dev_billing_writer;
    CREATE ROLE {rotator} LOGIN NOINHERIT CREATEROLE CONNECTION LIMIT 4;
    GRANT rds_iam, rds_password TO {rotator};
    CREATE ROLE {first} LOGIN NOINHERIT; CREATE ROLE {second} LOGIN NOINHERIT;
    GRANT dev_billing_writer TO {first}, {second};
    GRANT {first}, {second} TO {rotator} WITH ADMIN OPTION;
    ALTER ROLE {first} SET role TO dev_billing_writer;
    ALTER ROLE {second} SET role TO dev_billing_writer;
    CREATE SCHEMA dev_billing_v1; GRANT CREATE, USAGE ON SCHEMA dev_billing_v1 TO dev_billing_writer
"""


@dataclass(frozen=True, kw_only=True)
class RotatingAccount:
    """Where everything is, and how to get in; another process may have it too."""

    url: str
    """Of the account's API."""
    keys: Mapping[str, str] = field(repr=False)
    """The administrator's."""
    rotation: Rotation
    """What the function is told."""
    ca: Path
    """PEM file of the instance's authority."""
    master: str = field(repr=False)
    """Password of the master user."""

    def client(self, name: str) -> Any:  # noqa: ANN401 - boto3 has no types
        """A new client of a service."""
        return boto3.client(
            name, region_name=REGION, endpoint_url=self.url, config=_AWS, **self.keys
        )

    def log_in(self, user: str, password: str) -> psycopg.Connection[Any]:
        """Log in, with everything verified."""
        return psycopg.connect(
            host=self.rotation.host,
            port=self.rotation.port,
            dbname=self.rotation.database,
            user=user,
            password=password,
            sslmode="verify-full",
            sslrootcert=str(self.ca),
            autocommit=True,
        )

    def as_master(self) -> psycopg.Connection[Any]:
        """Log in as the master user, by password."""
        return self.log_in(_MASTER, self.master)


@contextlib.contextmanager
def rotating_account() -> Iterator[RotatingAccount]:
    """Make all of it, the secret without a value, and take it down in the end."""
    with tempfile.TemporaryDirectory(prefix="rotation-") as folder:
        paths = Paths(Path(folder))
        zone = LandingZone(
            account=ACCOUNT,
            region=REGION,
            cluster="none",
            subnets=("subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60719"),
            administrators=(_USER,),
            users=(),
            topic=f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
        )
        try:
            url = str(service.start(paths, zone).url)
            yield _made(paths, url)
        finally:
            service.stop(paths)


def _made(paths: Paths, url: str) -> RotatingAccount:
    core = botocore.session.Session()
    core.set_config_variable("config_file", str(paths.config))
    core.set_config_variable("credentials_file", str(paths.credentials))
    core.set_config_variable("profile", "deployer")
    deployer = boto3.Session(botocore_session=core)
    instance, secrets = _instance(deployer.client("rds")), deployer.client("secretsmanager")
    master = secrets.get_secret_value(SecretId=instance["MasterUserSecret"]["SecretArn"])
    first, second, rotator = (f"dev_billing_{last}" for last in ("a", "b", "rotator"))
    keys = deployer.get_credentials()
    account = RotatingAccount(
        url=url,
        keys={"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key},
        rotation=Rotation(
            region=REGION,
            secret=secrets.create_secret(Name="airflow/dev/connections/billing")["ARN"],
            host=instance["Endpoint"]["Address"],
            port=instance["Endpoint"]["Port"],
            database=_DATABASE,
            rotator=rotator,
            logins=(first, second),
            connection_limit=LIMIT,
            settings={"search_path": ("dev_billing_v1",), "role": "dev_billing_writer"},
            roles=("dev_billing_writer",),
            writes=("dev_billing_v1",),
            reads=(),
            valid_until=None,
            interval_days=7,
        ),
        ca=paths.ca_bundle,
        master=json.loads(master["SecretString"])["password"],
    )
    with account.as_master() as connection:
        for statement in _ROLES.format(first=first, second=second, rotator=rotator).split(";"):
            connection.execute(statement.encode())
    return account


def _instance(rds: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3 has no types
    name = "rotation"
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        EngineVersion="18",
        AllocatedStorage=20,
        MasterUsername=_MASTER,
        ManageMasterUserPassword=True,
        EnableIAMDatabaseAuthentication=True,
        Port=_PORT,
    )
    while True:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        if found["DBInstanceStatus"] == "available":
            return dict(found)
        time.sleep(0.1)
