"""What the tests of this package share: small projects, and an AWS API on loopback.

The API is moto's server, with nothing behind it: it has no databases and runs no functions.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moto.server import ThreadedMotoServer

from local.deploy import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.deploy.report import Event, Plan, Result

REGION = "eu-west-1"
ACCOUNT = "123456789012"
PROJECT = "small"
STACK = "test"

HEAD = f"""
import json
import pulumi
import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

provider = aws.Provider("aws", region="{REGION}", allowed_account_ids=["{ACCOUNT}"])
here = ResourceOptions(provider=provider)


def options(**more):
    return ResourceOptions(provider=provider, **more)


def document(**more):
    statement = {{"Effect": "Allow", **more}}
    return json.dumps({{"Version": "2012-10-17", "Statement": [statement]}})


trust = document(Principal={{"Service": "rds.amazonaws.com"}}, Action="sts:AssumeRole")
policy = document(Action="s3:GetObject", Resource="*")


def role(name, opts=here, **more):
    return aws.iam.Role(name, name=name, assume_role_policy=trust, opts=opts, **more)
"""
"""What most small programs begin with."""

POSTGRESQL_HEAD = """
import pulumi
import pulumi_postgresql as pg
from pulumi import ResourceOptions

def provider(name, database="postgres"):
    return pg.Provider(
        name, host="{host}", port={port}, username="{user}", database=database,
        sslmode="verify-full", sslrootcert="{ca}", aws_rds_iam_auth=True,
        aws_rds_iam_region="eu-west-1", superuser=False)

P = "{prefix}"
server = provider("server")
database = pg.Database("database", name=P, owner="{user}",
    opts=ResourceOptions(provider=server))
inside = ResourceOptions(provider=provider("inside", database.name))

def role(name, after=(), **more):
    later = ResourceOptions.merge(inside, ResourceOptions(depends_on=list(after)))
    return pg.Role(name, name=f"{{P}}_{{name}}", opts=later, **more)

def grant(name, role, type, privileges, schema=None, **more):
    return pg.Grant(name, role=role, database=P, schema=schema, object_type=type,
        privileges=privileges, opts=inside, **more)

def default(name, owner, role, type, privileges, schema=None):
    return pg.DefaultPrivileges(name, owner=owner, role=role, database=P, schema=schema,
        object_type=type, privileges=privileges, opts=inside)
"""
"""What small programs begin with that use a database: format it with where and as whom."""


@dataclass
class SmallProject:
    """A project of a test's own, with one stack."""

    root: Path
    events: list[Event] = field(default_factory=list)
    """Operations that ended in the latest run, in that order."""
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.root.exists():
            self.root.mkdir(parents=True)
            (self.root / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
            self.configure("config: {}\n")

    @property
    def state_file(self) -> Path:
        """Where the runs remember what exists."""
        return self.root / "state.json"

    def configure(self, text: str) -> None:
        """Write the stack file."""
        (self.root / f"Pulumi.{STACK}.yaml").write_text(textwrap.dedent(text))

    def program(self, text: str, *, head: str = HEAD) -> None:
        """Write the program: `head` and `text`."""
        (self.root / "__main__.py").write_text(head + textwrap.dedent(text))

    def preview(self) -> Plan:
        """Foresee against what is remembered."""
        return deployment.preview(self.root, STACK, state_file=self.state_file)

    def up(self) -> Result:
        """Carry the program out."""
        return deployment.up(
            self.root,
            STACK,
            state_file=self.state_file,
            progress=self._note,
            notice=self.notices.append,
        )

    def destroy(self) -> Result:
        """Delete everything."""
        return deployment.destroy(self.root, STACK, state_file=self.state_file, progress=self._note)

    def done(self) -> list[tuple[str, str]]:
        """Return and forget sign and logical name of what ended, sorted."""
        ended = [(one.kind.sign, one.urn.split("::")[-1]) for one in self.events if not one.error]
        self.events.clear()
        return sorted(ended)

    def _note(self, event: Event) -> None:
        if event.seconds is not None:
            self.events.append(event)


@contextmanager
def aws_api() -> Iterator[dict[str, str]]:
    """Serve an AWS API on loopback and give the environment that points every SDK at it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }
    finally:
        server.stop()
