"""The account outlives its process: killed at any moment, it comes back with everything it said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from local.account import service
from tests.local.account_fixtures import (
    ACCOUNT,
    MASTER,
    REGION,
    LocalAccount,
    allow,
    document,
    instance_input,
)
from tests.local.account_functions import function, invoke

pytest_plugins = ["tests.local.account_fixtures"]


def _kill(account: LocalAccount, pid: int | None = None) -> None:
    """End the account's process as a crash would; its PostgreSQL servers are left alone."""
    process = psutil.Process(pid or service.status(account.paths).pid)
    process.kill()
    process.wait(10)


def test_killed_and_started_again_everything_is_as_it_was(fresh_account: LocalAccount) -> None:
    account = fresh_account
    account.start()
    account.client("rds").create_db_instance(**instance_input("application", 5432))
    password = account.master_password("application")
    before = account.wait("application")
    with account.connect("application", MASTER, password) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.execute("CREATE ROLE dev_billing LOGIN IN ROLE rds_iam")
    resource = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{before['DbiResourceId']}/dev_billing"
    role = account.service_account_role(
        "workflow-billing", connect=document(allow("rds-db:connect", resource))
    )
    token = account.issuer.mint("airflow-dev", "workflow-billing")
    session = account.exchange(role, token)["Credentials"]
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    blob = account.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    cluster = account.client("eks").describe_cluster(name="data-platform")["cluster"]
    large = function(account, "def handle(event, context):\n    return 7\n", bulk=200_000)
    packages = account.paths.account / "snapshot" / "large"
    kept = set(packages.iterdir())
    objects = _objects(account)

    for end in (_kill, lambda account: service.halt(account.paths)):
        end(account)
        assert service.status(account.paths) == service.Status(pid=None, url=None)
        account.start()

        after = account.wait("application")
        before["LatestRestorableTime"] = after["LatestRestorableTime"]
        assert after == before
        assert account.client("eks").describe_cluster(name="data-platform")["cluster"] == cluster
        assert account.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        assert invoke(account, large)["result"] == 7
        assert _found(account) == objects
        roles = account.client("iam").list_roles()["Roles"]
        assert role in {one["Arn"] for one in roles}
        with account.connect("application", MASTER, password) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        # A session from before still opens the database, and a token from before a session.
        for credentials in (session, account.exchange(role, token)["Credentials"]):
            proof = account.token("application", "dev_billing", credentials)
            with account.connect("application", "dev_billing", proof):
                pass

    service.halt(account.paths)
    _unfinish(account)
    account.start()
    with account.connect("application", MASTER, password) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    # What belonged to a function goes with it.
    s3 = account.client("s3")
    for key in objects:
        s3.delete_object(Bucket="kept", Key=key)
    assert set(packages.iterdir()) == kept
    account.client("lambda").delete_function(FunctionName=large)
    assert not list(packages.iterdir())
    # The names of buckets are known again, too: this one is taken, and then it is free.
    with pytest.raises(ClientError, match="BucketAlreadyOwnedByYou"):
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.delete_bucket(Bucket="kept")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})


def _objects(account: LocalAccount) -> dict[str, bytes]:
    """Put small, large, empty and equal objects; what each holds."""
    s3 = account.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    contents = {"small": b"1", "large": b"2" * 200_000, "equal/to=small": b"1", "empty": b""}
    for key, body in contents.items():
        s3.put_object(Bucket="kept", Key=key, Body=b"before")
        s3.put_object(Bucket="kept", Key=key, Body=body, Metadata={"length": str(len(body))})
    return contents


def _found(account: LocalAccount) -> dict[str, bytes]:
    s3, found = account.client("s3"), {}
    for one in s3.list_objects_v2(Bucket="kept")["Contents"]:
        answer = s3.get_object(Bucket="kept", Key=one["Key"])
        found[one["Key"]] = answer["Body"].read()
        assert answer["Metadata"] == {"length": str(len(found[one["Key"]]))}
    return found


def _unfinish(account: LocalAccount) -> None:
    """Make it as if the account had died when the server was there, but not yet `available`."""
    program = """
import sys
from pathlib import Path
from local.account.backends import Backends
from local.account.snapshot import Snapshot
backends = Backends(sys.argv[1], sys.argv[2])
snapshot = Snapshot(Path(sys.argv[3]), backends)
snapshot.read()
backends.rds.databases["application"].status = "creating"
snapshot.write()
"""
    subprocess.run(
        [sys.executable, "-c", program, ACCOUNT, REGION, account.paths.account / "snapshot"],
        check=True,
        cwd=Path(service.__file__).parents[2],
        env={**os.environ, "MOTO_ACCOUNT_ID": ACCOUNT, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"},
    )


def test_what_was_promised_is_done_after_a_crash(fresh_account: LocalAccount) -> None:
    """The answers went out, but the servers were not made, changed or removed yet."""
    account = fresh_account
    account.start()
    rds = account.client("rds")
    for port, name in enumerate(("deleted", "modified"), 5433):
        rds.create_db_instance(**instance_input(name, port))
    passwords = {name: account.master_password(name) for name in ("deleted", "modified")}
    pid = account.start().pid
    rds.delete_db_instance(DBInstanceIdentifier="deleted", SkipFinalSnapshot=True)
    rds.create_db_instance(**instance_input("created", 5432))
    rds.modify_db_instance(
        DBInstanceIdentifier="modified", RotateMasterUserPassword=True, ApplyImmediately=True
    )
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="kept", SecretString="0")
    for number in range(1, 6):
        secrets.put_secret_value(SecretId="kept", SecretString=str(number))
    _kill(account, pid)
    account.start()
    value = account.client("secretsmanager").get_secret_value(SecretId="kept")
    assert value["SecretString"] == "5"
    rds = account.client("rds")
    rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier="deleted", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    # Its port is free again, and so is its name.
    rds.create_db_instance(**instance_input("deleted", 5433))
    for name in ("created", "modified", "deleted"):
        password = account.master_password(name)
        assert password != passwords.get(name)
        with account.connect(name, MASTER, password):
            pass
