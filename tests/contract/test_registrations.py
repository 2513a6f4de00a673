"""What holds for every resource of every stack: parents, providers, names, secrets."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local.deploy import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.deploy.record import Recording
    from local.deploy.registration import Registration

STACKS = ("local", "dev", "prod")

# Beside components, a stack has of its own: the account, the way to Kubernetes, and the key of
# what is no instance's.
AT_THE_TOP = {
    ("pulumi:providers:aws", "aws"),
    ("pulumi:providers:kubernetes", "kubernetes"),
    ("aws:kms/key:Key", "connections-key"),
    ("aws:kms/alias:Alias", "connections-key"),
}

# Type to the inputs that make up its physical name, and what AWS or PostgreSQL accepts there.
# A name that is unique within something else only starts with that.
IDENTIFIER = r"[a-z][a-z0-9_]{0,62}"
PHYSICAL_NAMES = {
    "aws:cloudwatch/logGroup:LogGroup": (("name",), r"[a-zA-Z0-9_/.-]{1,512}"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": (
        ("logGroupName", "name"),
        r"[^:*]{1,512} [^:*]{1,512}",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (("name",), r".{1,255}"),
    "aws:ec2/securityGroup:SecurityGroup": (("name",), r"(?!sg-)[a-zA-Z0-9 ._:/()#,@+=&;-]{1,255}"),
    "aws:iam/role:Role": (("name",), r"[\w+=,.@-]{1,64}"),
    "aws:iam/rolePolicy:RolePolicy": (("role", "name"), r"[\w+=,.@-]{1,64} [\w+=,.@-]{1,128}"),
    "aws:kms/alias:Alias": (("name",), r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}"),
    "aws:lambda/function:Function": (("name",), r"[a-zA-Z0-9_-]{1,64}"),
    "aws:rds/eventSubscription:EventSubscription": (("name",), r"[a-z][a-z0-9-]{0,254}"),
    "aws:rds/instance:Instance": (("identifier",), r"(?!.*--)[a-z][a-z0-9-]{0,61}[a-z0-9]"),
    "aws:rds/parameterGroup:ParameterGroup": (("name",), r"(?!.*--)[a-z][a-z0-9-]{0,253}[a-z0-9]"),
    "aws:rds/proxy:Proxy": (("name",), r"[a-zA-Z](-?[a-zA-Z0-9]+){0,62}"),
    "aws:rds/subnetGroup:SubnetGroup": (("name",), r"(?!default$)[a-z0-9 ._-]{1,255}"),
    "aws:s3/bucket:Bucket": (("bucket",), r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "aws:secretsmanager/secret:Secret": (("name",), r"[\w/+=.@-]{1,512}"),
    "postgresql:index/database:Database": (("provider", "name"), rf"\S+ {IDENTIFIER}"),
    "postgresql:index/role:Role": (("provider", "name"), rf"\S+ {IDENTIFIER}"),
    "postgresql:index/schema:Schema": (("provider", "database", "name"), rf"\S+ \S+ {IDENTIFIER}"),
}
NAMELESS = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/key:Key",
    "aws:lambda/invocation:Invocation",
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
    "aws:rds/proxyTarget:ProxyTarget",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "postgresql:index/defaultPrivileges:DefaultPrivileges",
    "postgresql:index/grant:Grant",
    "postgresql:index/grantRole:GrantRole",
    "pulumi:providers:aws",
    "pulumi:providers:kubernetes",
    "pulumi:providers:postgresql",
}
NO_SECRETS = (
    "manageMasterUserPassword",
    "automountServiceAccountToken",
    "masterUserSecretKmsKeyId",
    "secretId",
    "secretString",
)
"""Inputs whose names sound like a secret and that are none. What connections consist of, which are
the only `secretString`s, is tested with `Workflow`."""
KUBERNETES_OBJECT = r"[a-z0-9-]*/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""Namespace, which a Namespace itself is not in, and name."""


@pytest.fixture(params=STACKS)
def recording(
    request: pytest.FixtureRequest, recorded_stack: Callable[[str], Recording]
) -> Recording:
    return recorded_stack(request.param)


def is_object(one: Registration) -> bool:
    """Whether it is an object of Kubernetes."""
    return one.type.startswith("kubernetes:")


def test_everything_is_part_of_a_component(recording: Recording) -> None:
    parents = {one.urn: one for one in recording}
    for one in recording:
        parent = parents.get(one.parent)
        if parent is None:
            assert not one.custom or (one.type, one.name) in AT_THE_TOP
        else:
            assert not parent.custom
            assert one.name == parent.name or one.name.startswith(f"{parent.name}-")


def test_logical_names_do_not_change_with_the_stack(recording: Recording) -> None:
    stack = recording[0].urn.split(":")[2]
    environments = recording.exports["workflows"]
    for one in recording:
        first = one.name.split("-")[0]
        assert first != stack or stack in environments


def test_nothing_goes_to_a_provider_that_is_not_declared(recording: Recording) -> None:
    for one in recording:
        if one.custom and not one.is_provider:
            package = one.type.split(":")[0]
            assert recording.by_urn(one.provider_urn).type == f"pulumi:providers:{package}"
    (account,) = recording.of_type("pulumi:providers:aws")
    assert {call.provider for call in recording.calls} == {f"{account.urn}::{account.id}"}


def test_only_one_account_is_touched(
    recording: Recording, recorded_stack: Callable[[str], Recording]
) -> None:
    accounts = {
        stack: recorded_stack(stack).one("pulumi:providers:aws").plain["allowedAccountIds"]
        for stack in STACKS
    }
    assert len(set(accounts.values())) == len(STACKS)
    provider = recording.one("pulumi:providers:aws").plain
    assert provider["region"] == "eu-west-1"
    assert re.fullmatch(r'\["\d{12}"\]', provider["allowedAccountIds"])


def test_only_three_kinds_of_things_are_looked_up(recording: Recording) -> None:
    subnets = recording.one("aws:rds/subnetGroup:SubnetGroup", "metadata-subnets")
    assert Counter(call.token for call in recording.calls) == {
        "aws:eks/getCluster:getCluster": 1,
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": 1,
        "aws:ec2/getSubnet:getSubnet": len(subnets.plain["subnetIds"]),
    }


def test_each_type_is_listed(recording: Recording) -> None:
    types = {one.type for one in recording if one.custom and not is_object(one)}
    assert types <= PHYSICAL_NAMES.keys() | NAMELESS


def test_physical_names_are_given_and_fit_and_are_unique(recording: Recording) -> None:
    taken: dict[tuple[str, str], str] = {}
    for one in recording:
        if is_object(one):
            metadata, form = one.plain["metadata"], KUBERNETES_OBJECT
            name = f"{metadata.get('namespace', '')}/{metadata['name']}"
        elif one.type in PHYSICAL_NAMES:
            keys, form = PHYSICAL_NAMES[one.type]
            inputs = {**one.plain, "provider": _server(recording, one.provider_urn)}
            name = " ".join(inputs[key] for key in keys)
        else:
            continue
        assert re.fullmatch(form, name), f"{one.type} {name}"
        assert (one.type, name) not in taken, f"{one.name} and {taken[one.type, name]}: {name}"
        taken[one.type, name] = one.name


def _server(recording: Recording, urn: str) -> str:
    """The host that a provider logs in to, if it does."""
    return str(recording.by_urn(urn).plain.get("host"))


def test_log_groups_are_encrypted_and_kept_for_a_time(recording: Recording) -> None:
    for group in recording.of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert group.plain["kmsKeyId"].startswith("arn:aws:kms/key:Key:")
        assert group.plain["retentionInDays"] > 0


def test_no_password_is_anywhere(recording: Recording) -> None:
    for one in recording:
        for path, value in _leaves(one.plain):
            named = re.search("passw|secret|fernet|token", path.rpartition(".")[2], re.IGNORECASE)
            if named and not path.endswith(NO_SECRETS):
                # A command that reads a key from memory is the one form that a key may have.
                reads = path.endswith("_CMD") and str(value).startswith("cat /run/airflow/keys/")
                assert reads, f"{one.name} {path} = {value}"


def test_secrets_are_marked_where_there_are_any_and_never_exported(recording: Recording) -> None:
    marked = {
        (one.type, key)
        for one in recording
        for key, value in one.inputs.items()
        if wire.contains_secret(value)
    }
    # Not for what is in it, which is no secret: a value of Secrets Manager is always marked.
    assert marked == {("aws:secretsmanager/secretVersion:SecretVersion", "secretString")}
    assert not wire.contains_secret(recording.exports)
    assert not [one for one in recording if wire.contains_secret(one.registered_outputs or {})]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:  # noqa: ANN401 - JSON
    """Each value inside `value`, with the keys that lead to it."""
    if isinstance(value, dict) and value.keys() == {"name", "value"}:
        yield f"{path}.{value['name']}", value["value"]  # a variable of a container
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value
