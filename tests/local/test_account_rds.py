"""What RDS's API promises comes true in a real server: life, parameters, password, protection."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.local.account_fixtures import MASTER, LocalAccount, instance_input, unique

pytest_plugins = ["tests.local.account_fixtures"]

IMMEDIATE, REBOOT = "immediate", "pending-reboot"


def _create(account: LocalAccount, port: int, **changes: Any) -> str:  # noqa: ANN401
    identifier = unique("db")
    account.client("rds").create_db_instance(**instance_input(identifier, port, **changes))
    return identifier


def _group(account: LocalAccount, family: str = "postgres16") -> str:
    name = unique("group")
    account.client("rds").create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily=family, Description="x"
    )
    return name


def _set(account: LocalAccount, group: str, name: str, value: str, method: str) -> None:
    parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
    account.client("rds").modify_db_parameter_group(
        DBParameterGroupName=group, Parameters=[parameter]
    )


def _show(account: LocalAccount, identifier: str, name: str) -> str:
    password = account.master_password(identifier)
    with account.connect(identifier, MASTER, password) as connection:
        row = connection.execute(f"SHOW {name}").fetchone()
    return str(row[0]) if row else ""


def _applied(account: LocalAccount, identifier: str) -> str:
    """How far the parameter group is applied, once it is no longer `applying`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = account.wait(identifier)["DBParameterGroups"][0]["ParameterApplyStatus"]
        if found != "applying":
            return str(found)
        time.sleep(0.05)
    raise TimeoutError


def test_an_instance_comes_to_life_and_goes(
    local_account: LocalAccount, next_port: Callable[[], int]
) -> None:
    rds = local_account.client("rds")
    port = next_port()
    identifier = unique("db")
    created = rds.create_db_instance(**instance_input(identifier, port, DBName="sales"))
    assert created["DBInstance"]["DBInstanceStatus"] == "creating"
    with pytest.raises(ClientError, match=f"InvalidDBInstanceState.*{identifier} is creating"):
        rds.modify_db_instance(DBInstanceIdentifier=identifier, MultiAZ=True)
    found = local_account.wait(identifier)
    assert found["Endpoint"]["Port"] == port
    assert found["EngineVersion"].startswith("16.")
    password = local_account.master_password(identifier)
    with local_account.connect(identifier, MASTER, password, "sales") as connection:
        version = connection.execute("SHOW server_version").fetchone()
    assert version == (found["EngineVersion"],)
    with pytest.raises(ClientError, match="Give FinalDBSnapshotIdentifier, or SkipFinalSnapshot"):
        rds.delete_db_instance(DBInstanceIdentifier=identifier)
    snapshot = unique("last")
    gone = rds.delete_db_instance(
        DBInstanceIdentifier=identifier, FinalDBSnapshotIdentifier=snapshot
    )
    assert gone["DBInstance"]["DBInstanceStatus"] == "deleting"
    rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=identifier, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        local_account.client("secretsmanager").get_secret_value(
            SecretId=found["MasterUserSecret"]["SecretArn"]
        )
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        psycopg.connect(host=found["Endpoint"]["Address"], port=port, user="x", dbname="postgres")


def test_instances_have_identities_and_passwords_of_their_own(
    local_account: LocalAccount, database: str, next_port: Callable[[], int]
) -> None:
    """Moto gives all instances one DbiResourceId and one password."""
    other = _create(local_account, next_port(), EngineVersion="18")
    ids = {local_account.wait(one)["DbiResourceId"] for one in (database, other)}
    assert len(ids) == 2
    assert local_account.master_password(database) != local_account.master_password(other)
    assert local_account.wait(other)["EngineVersion"].startswith("18.")


REFUSED = {
    "a version that is not here": ({"EngineVersion": "15"}, "PostgreSQL 15 is not available"),
    "no version": ({"EngineVersion": ""}, "is not available on this machine"),
    "another engine": ({"Engine": "mysql"}, "Only the engine postgres"),
    "two passwords": ({"MasterUserPassword": "x" * 12}, "Give either MasterUserPassword or"),
    "no password": ({"ManageMasterUserPassword": False}, "Give either MasterUserPassword or"),
    "a parameter group that is not there": ({"DBParameterGroupName": "x"}, "DBParameterGroupNotF"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_made_is_refused_at_once(
    local_account: LocalAccount, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        _create(local_account, 5432, **changes)


def test_a_creation_that_fails_says_why(local_account: LocalAccount, database: str) -> None:
    taken = local_account.wait(database)["Endpoint"]["Port"]
    identifier = _create(local_account, taken)
    found = local_account.wait(identifier, "failed")
    assert f"Port {taken} of" in found["StatusInfos"][0]["Message"]
    rds = local_account.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


def test_protection_is_honoured(local_account: LocalAccount, next_port: Callable[[], int]) -> None:
    rds = local_account.client("rds")
    identifier = _create(local_account, next_port(), DeletionProtection=True)
    local_account.wait(identifier)
    with pytest.raises(ClientError, match="Cannot delete protected DB Instance"):
        rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)
    rds.modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=False)
    local_account.wait(identifier)
    rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


def test_the_master_password_is_rotated_in_the_secret_and_in_the_server(
    local_account: LocalAccount, database: str
) -> None:
    """Moto makes a version of the secret without a value."""
    before = local_account.master_password(database)
    local_account.client("rds").modify_db_instance(
        DBInstanceIdentifier=database, RotateMasterUserPassword=True, ApplyImmediately=True
    )
    after = local_account.master_password(database)
    assert after != before
    with local_account.connect(database, MASTER, after):
        pass
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        local_account.connect(database, MASTER, before)


def test_parameters_reach_the_server(
    local_account: LocalAccount, next_port: Callable[[], int]
) -> None:
    group = _group(local_account)
    _set(local_account, group, "max_connections", "61", REBOOT)
    identifier = _create(local_account, next_port(), DBParameterGroupName=group)
    assert _show(local_account, identifier, "max_connections") == "61"
    assert _applied(local_account, identifier) == "in-sync"
    _set(local_account, group, "work_mem", "8192", IMMEDIATE)
    assert _applied(local_account, identifier) == "in-sync"
    assert _show(local_account, identifier, "work_mem") == "8MB"
    _set(local_account, group, "max_connections", "62", REBOOT)
    _set(local_account, group, "work_mem", "16384", REBOOT)
    assert _applied(local_account, identifier) == "pending-reboot"
    assert _show(local_account, identifier, "max_connections") == "61"
    assert _show(local_account, identifier, "work_mem") != "16MB"
    rds = local_account.client("rds")
    rebooted = rds.reboot_db_instance(DBInstanceIdentifier=identifier)["DBInstance"]
    assert rebooted["DBInstanceStatus"] == "rebooting"
    assert _applied(local_account, identifier) == "in-sync"
    assert _show(local_account, identifier, "max_connections") == "62"
    assert _show(local_account, identifier, "work_mem") == "16MB"
    rds.reset_db_parameter_group(
        DBParameterGroupName=group,
        Parameters=[{"ParameterName": "work_mem", "ApplyMethod": IMMEDIATE}],
    )
    _applied(local_account, identifier)
    assert _show(local_account, identifier, "work_mem") == "4MB"
    with pytest.raises(ClientError, match="InvalidDBParameterGroupState"):
        rds.delete_db_parameter_group(DBParameterGroupName=group)


def test_another_parameter_group_counts_from_the_next_reboot(
    local_account: LocalAccount, next_port: Callable[[], int]
) -> None:
    rds, group = local_account.client("rds"), _group(local_account)
    _set(local_account, group, "work_mem", "8192", IMMEDIATE)
    identifier = _create(local_account, next_port())
    local_account.wait(identifier)
    rds.modify_db_instance(DBInstanceIdentifier=identifier, DBParameterGroupName=group)
    assert _applied(local_account, identifier) == "pending-reboot"
    assert _show(local_account, identifier, "work_mem") == "4MB"
    rds.reboot_db_instance(DBInstanceIdentifier=identifier)
    assert _show(local_account, identifier, "work_mem") == "8MB"


def test_parameters_are_checked_and_described(local_account: LocalAccount) -> None:
    group = _group(local_account)
    with pytest.raises(ClientError, match="Could not find parameter with name: max_conections"):
        _set(local_account, group, "max_conections", "50", REBOOT)
    with pytest.raises(ClientError, match="cannot use immediate apply method for static parameter"):
        _set(local_account, group, "shared_preload_libraries", "pgaudit", IMMEDIATE)
    _set(local_account, group, "rds.force_ssl", "1", IMMEDIATE)
    _set(local_account, group, "shared_preload_libraries", "pgaudit", REBOOT)
    found = local_account.client("rds").describe_db_parameters(DBParameterGroupName=group)
    described = {one["ParameterName"]: one for one in found["Parameters"]}
    assert {name: one["Source"] for name, one in described.items()} == {
        "rds.force_ssl": "user",
        "shared_preload_libraries": "user",
    }
    assert described["rds.force_ssl"]["ApplyType"] == "dynamic"
    assert described["shared_preload_libraries"]["ApplyType"] == "static"


def test_stopped_and_started_with_the_data_intact(
    local_account: LocalAccount, next_port: Callable[[], int]
) -> None:
    rds = local_account.client("rds")
    identifier = _create(local_account, next_port())
    password = local_account.master_password(identifier)
    with local_account.connect(identifier, MASTER, password) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    rds.stop_db_instance(DBInstanceIdentifier=identifier)
    endpoint = local_account.wait(identifier, "stopped")["Endpoint"]
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        psycopg.connect(host=endpoint["Address"], port=endpoint["Port"], user="x")
    rds.start_db_instance(DBInstanceIdentifier=identifier)
    with local_account.connect(identifier, MASTER, password) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_subnet_group_is_changed_and_stays(local_account: LocalAccount) -> None:
    rds, name = local_account.client("rds"), unique("subnets")
    subnets = [one["SubnetId"] for one in local_account.client("ec2").describe_subnets()["Subnets"]]
    given = {"DBSubnetGroupName": name, "DBSubnetGroupDescription": "x", "SubnetIds": subnets}
    rds.create_db_subnet_group(**given)

    rds.modify_db_subnet_group(**{**given, "DBSubnetGroupDescription": "y"})

    (found,) = rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
    assert found["DBSubnetGroupDescription"] == "y"
    with pytest.raises(ClientError, match="DBSubnetGroupNotFound"):
        rds.modify_db_subnet_group(**{**given, "DBSubnetGroupName": "nobody's"})


def test_an_event_subscription_is_changed(local_account: LocalAccount) -> None:
    rds, name = local_account.client("rds"), unique("events")
    topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
    rds.create_event_subscription(
        SubscriptionName=name, SnsTopicArn=topic, SourceType="db-instance", SourceIds=["one", "two"]
    )

    rds.modify_event_subscription(
        SubscriptionName=name, Enabled=False, EventCategories=["failure"], SnsTopicArn=f"{topic}-2"
    )
    rds.remove_source_identifier_from_subscription(SubscriptionName=name, SourceIdentifier="one")
    rds.add_source_identifier_to_subscription(SubscriptionName=name, SourceIdentifier="three")

    (found,) = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    assert found["Enabled"] is False
    assert found["EventCategoriesList"] == ["failure"]
    assert found["SnsTopicArn"] == f"{topic}-2"
    assert found["SourceType"] == "db-instance"
    assert found["SourceIdsList"] == ["two", "three"]
    with pytest.raises(ClientError, match="SubscriptionNotFound"):
        rds.modify_event_subscription(SubscriptionName="nobody's", Enabled=True)
