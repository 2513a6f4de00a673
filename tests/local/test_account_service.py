"""Starting and ending the account: once, again, after a crash, twice at a time, and for good."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import boto3
import psutil
import pytest

from local.account import service
from local.account.service import AccountError, Status, loopback_address
from local.paths import Paths
from tests.local.account_fixtures import (
    ACCOUNT,
    SUBNETS,
    USER,
    LocalAccount,
    instance_input,
    zone,
)
from tests.processes import lives

pytest_plugins = ["tests.local.account_fixtures"]


def test_the_landing_zone_is_there(local_account: LocalAccount) -> None:
    cluster = local_account.client("eks").describe_cluster(name="data-platform")["cluster"]
    assert cluster["identity"]["oidc"]["issuer"] == local_account.issuer.url
    ec2, network = local_account.client("ec2"), cluster["resourcesVpcConfig"]
    found = ec2.describe_subnets(SubnetIds=list(SUBNETS))["Subnets"]
    assert {one["VpcId"] for one in found} == {network["vpcId"]}
    assert len({one["AvailabilityZone"] for one in found}) == 2
    groups = ec2.describe_security_groups(GroupIds=[network["clusterSecurityGroupId"]])
    assert groups["SecurityGroups"][0]["VpcId"] == network["vpcId"]
    iam = local_account.client("iam")
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=local_account.provider)
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]
    topics = local_account.client("sns").list_topics()["Topics"]
    assert topics == [{"TopicArn": local_account.zone.topic}]
    attached = iam.list_attached_user_policies(UserName="deployer")["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["AdministratorAccess"]
    assert not iam.list_attached_user_policies(UserName="analyst")["AttachedPolicies"]


def test_shared_files_are_all_that_an_sdk_needs(
    local_account: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in local_account.paths.aws_environment("analyst").items():
        monkeypatch.setenv(name, value)
    assert boto3.Session().client("sts").get_caller_identity()["Arn"] == f"{USER}analyst"
    for file in (local_account.paths.credentials, local_account.paths.config):
        assert file.stat().st_mode & 0o777 == 0o600
    assert local_account.paths.account.stat().st_mode & 0o777 == 0o700


def test_starting_again_is_harmless_and_adds_what_is_new(fresh_account: LocalAccount) -> None:
    account = fresh_account
    with ThreadPoolExecutor(2) as pool:
        statuses = set(pool.map(lambda _: account.start(), range(2)))
    (first,) = statuses
    keys = account.paths.credentials.read_text()
    assert account.start() == first
    assert account.paths.credentials.read_text() == keys
    more = (*SUBNETS, "subnet-0a1b2c3d4e5f6071a")
    account.zone = replace(account.zone, subnets=more, users=(f"{USER}report-writer",))
    assert account.start() == first
    profiles = configparser.ConfigParser()
    profiles.read(account.paths.credentials)
    assert profiles.sections() == ["deployer", "report-writer"]
    assert len(account.client("ec2").describe_subnets(SubnetIds=list(more))["Subnets"]) == 3
    caller = account.client("sts", "report-writer").get_caller_identity()
    assert caller["Arn"] == f"{USER}report-writer"


WRONG = {
    "another account": (
        {"account": "210987654321"},
        f"name account 210987654321 in eu-west-1, but the local account was made as {ACCOUNT}",
    ),
    "another region": ({"region": "eu-west-2"}, "run `make down` first"),
    "a role as a person": (
        {"users": (f"arn:aws:iam::{ACCOUNT}:role/analysts",)},
        "The principal arn:aws:iam::123456789012:role/analysts is not allowed",
    ),
    "a topic elsewhere": (
        {"topic": "arn:aws:sns:us-east-1:123456789012:alarms"},
        "The topic arn:aws:sns:us-east-1:123456789012:alarms is not allowed",
    ),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG.keys())
def test_settings_that_do_not_fit_are_one_sentence(
    local_account: LocalAccount, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(AccountError, match=words):
        service.start(local_account.paths, zone(**changes))


def test_a_recycled_process_id_is_not_signalled(fresh_account: LocalAccount) -> None:
    """The recorded id is that of a process that came later and has nothing to do with it."""
    account = fresh_account
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        account.paths.account.mkdir(parents=True)
        started = psutil.Process(bystander.pid).create_time() - 100
        record = json.dumps({"pid": bystander.pid, "started": started})
        (account.paths.account / "pid").write_text(record)
        assert service.status(account.paths) == Status(pid=None, url=None)
        service.halt(account.paths)
        service.stop(account.paths)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_that_cannot_start_says_why(fresh_account: LocalAccount) -> None:
    account = fresh_account
    snapshot = account.paths.account / "snapshot"
    snapshot.mkdir(parents=True)
    (snapshot / "stores").write_bytes(b"not one")
    with pytest.raises(AccountError, match=r"stores cannot be read .* See .*account.log"):
        account.start()
    assert service.status(account.paths).pid is None


def test_nothing_is_left(fresh_account: LocalAccount) -> None:
    account = fresh_account
    pid = account.start().pid
    account.client("rds").create_db_instance(**instance_input("application", 5432))
    account.wait("application")
    runtime_folder = Path((account.paths.account / "runtime-folder").read_text())
    server_files = [runtime_folder, account.paths.account]
    servers = [
        one
        for one in psutil.process_iter(["cmdline"])
        if any(str(folder) in " ".join(one.info["cmdline"] or ()) for folder in server_files)
    ]
    assert len(servers) >= 2  # the account and at least one PostgreSQL process
    assert pid in {one.pid for one in servers}
    service.stop(account.paths)
    assert not any(map(lives, servers))
    assert not runtime_folder.exists()
    assert not list(account.paths.local.iterdir())
    service.stop(account.paths)


def test_nothing_is_left_of_a_crash_either(fresh_account: LocalAccount) -> None:
    account = fresh_account
    process = psutil.Process(account.start().pid)
    account.client("rds").create_db_instance(**instance_input("application", 5432))
    account.wait("application")
    runtime_folder = Path((account.paths.account / "runtime-folder").read_text())
    process.kill()
    process.wait(10)
    service.stop(account.paths)
    left = [
        one.info["cmdline"]
        for one in psutil.process_iter(["cmdline"])
        if str(runtime_folder) in " ".join(one.info["cmdline"] or ())
    ]
    assert not left
    assert not runtime_folder.exists()
    assert not account.paths.account.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have one loopback address")
def test_two_checkouts_at_once(local_account: LocalAccount, fresh_account: LocalAccount) -> None:
    fresh_account.start()
    assert fresh_account.url != local_account.url
    assert fresh_account.url.endswith(":4566")
    assert local_account.url.endswith(":4566")
    mine = fresh_account.client("sts").get_caller_identity
    assert mine()["Arn"] == f"{USER}deployer"
    # The other account knows nothing of these keys.
    other = boto3.client(
        "sts",
        region_name="eu-west-1",
        endpoint_url=local_account.url,
        aws_access_key_id=fresh_account.session().get_credentials().access_key,
        aws_secret_access_key=fresh_account.session().get_credentials().secret_key,
    )
    with pytest.raises(other.exceptions.ClientError, match="the access key is unknown"):
        other.get_caller_identity()


def test_addresses_are_loopback_and_not_the_usual_one() -> None:
    addresses = {loopback_address(Path(f"/checkout/{number}")) for number in range(50)}
    assert len(addresses) == (50 if sys.platform.startswith("linux") else 1)
    assert all(address.startswith("127.") for address in addresses)


def test_status_of_nothing(tmp_path: Path) -> None:
    assert service.status(Paths(tmp_path)) == Status(pid=None, url=None)
    service.halt(Paths(tmp_path))
    service.stop(Paths(tmp_path))
    assert not list(tmp_path.iterdir())
