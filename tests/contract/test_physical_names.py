"""Names in AWS, PostgreSQL and Kubernetes: given, within their limits, and never the same twice.

Also with the longest settings that are accepted. That AWS takes a name is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.deploy.program import ProgramError
from stacks import platform
from stacks.settings import SettingsError, load_stack_file
from stacks.site import LONGEST_STACK

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from local.deploy.registration import Registration
    from stacks.settings import Settings
    from tests.conftest import Record

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")

# `NAMEDATALEN` of PostgreSQL is 64, a zero byte included: longer names are cut off silently.
IDENTIFIER = r"[a-z][a-z0-9_]{0,62}"
PHYSICAL_NAMES = {
    # CreateLogGroup, logGroupName
    "aws:cloudwatch/logGroup:LogGroup": (("name",), r"[a-zA-Z0-9_/.-]{1,512}"),
    # PutMetricFilter, filterName
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": (
        ("logGroupName", "name"),
        r"[^:*]{1,512} [^:*]{1,512}",
    ),
    # PutRule, Name
    "aws:cloudwatch/eventRule:EventRule": (("name",), r"[a-zA-Z0-9_.-]{1,64}"),
    # PutTargets, Id
    "aws:cloudwatch/eventTarget:EventTarget": (
        ("rule", "targetId"),
        r"[a-zA-Z0-9_.-]{1,64} [a-zA-Z0-9_.-]{1,64}",
    ),
    # PutMetricAlarm, AlarmName
    "aws:cloudwatch/metricAlarm:MetricAlarm": (("name",), r".{1,255}"),
    # CreateSecurityGroup, GroupName, in a VPC
    "aws:ec2/securityGroup:SecurityGroup": (("name",), r"(?!sg-)[a-zA-Z0-9 ._:/()#,@+=&;-]{1,255}"),
    # CreateRole, RoleName; PutRolePolicy, PolicyName
    "aws:iam/role:Role": (("name",), r"[\w+=,.@-]{1,64}"),
    "aws:iam/rolePolicy:RolePolicy": (("role", "name"), r"[\w+=,.@-]{1,64} [\w+=,.@-]{1,128}"),
    # CreateAlias, AliasName: 256 with its prefix
    "aws:kms/alias:Alias": (("name",), r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}"),
    # CreateFunction, FunctionName, as a name
    "aws:lambda/function:Function": (("name",), r"[a-zA-Z0-9_-]{1,64}"),
    # AddPermission, StatementId
    "aws:lambda/permission:Permission": (
        ("function", "statementId"),
        r"[a-zA-Z0-9_-]{1,64} [a-zA-Z0-9_-]{1,100}",
    ),
    # CreateEventSubscription, SubscriptionName: less than 255
    "aws:rds/eventSubscription:EventSubscription": (("name",), r"[a-z][a-z0-9-]{0,253}"),
    # CreateDBInstance, DBInstanceIdentifier
    "aws:rds/instance:Instance": (("identifier",), r"(?!.*--)[a-z][a-z0-9-]{0,61}[a-z0-9]"),
    # CreateDBParameterGroup, DBParameterGroupName
    "aws:rds/parameterGroup:ParameterGroup": (("name",), r"(?!.*--)[a-z][a-z0-9-]{0,253}[a-z0-9]"),
    # CreateDBProxy, DBProxyName
    "aws:rds/proxy:Proxy": (("name",), r"(?=.{1,63}$)[a-zA-Z](-?[a-zA-Z0-9]+)*"),
    # CreateDBSubnetGroup, DBSubnetGroupName
    "aws:rds/subnetGroup:SubnetGroup": (("name",), r"(?!default$)[a-z0-9 ._-]{1,255}"),
    # CreateBucket; without dots, which TLS to a virtual host does not bear
    "aws:s3/bucket:Bucket": (("bucket",), r"(?!xn--)(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    # CreateSecret, Name
    "aws:secretsmanager/secret:Secret": (("name",), r"[\w/+=.@-]{1,512}"),
    # CreateQueue, QueueName, of a queue that is not FIFO
    "aws:sqs/queue:Queue": (("name",), r"[a-zA-Z0-9_-]{1,80}"),
    "postgresql:index/database:Database": (("provider", "name"), rf"\S+ {IDENTIFIER}"),
    "postgresql:index/role:Role": (("provider", "name"), rf"\S+ {IDENTIFIER}"),
    "postgresql:index/schema:Schema": (("provider", "database", "name"), rf"\S+ \S+ {IDENTIFIER}"),
}
"""Type to the inputs that make up its name, and what is accepted there, by the call's reference.

A name that is unique within something else only starts with that.
"""
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
    "aws:secretsmanager/secretRotation:SecretRotation",
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
TEXTS = {
    # DeleteDBInstance, FinalDBSnapshotIdentifier
    "finalSnapshotIdentifier": r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{0,253}[a-zA-Z0-9]",
    # PutMetricAlarm, AlarmDescription
    "alarmDescription": r".{0,1024}",
    # CreateSecurityGroup, GroupDescription: the narrowest that is called so
    "description": r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*']{0,255}",
}
"""Other inputs of AWS that are made of names."""
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""RFC 1123. Names of most objects may have 253 characters and dots; those that become host names or
labels of pods may not, and here all keep to it."""
KUBERNETES_OBJECT = rf"({LABEL})?/{LABEL}"
"""Namespace, which a Namespace itself is not in, and name."""
LABEL_VALUE = r"([a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?)?"
LONGEST_WORD = 40
"""Characters of a name in the settings, see `stacks.fields.Name`."""
LONGEST_PAIR = 63 - len("__writer")
"""Characters that an environment and a workflow may have together, by the longest group role."""
LONGEST = {"iam": LONGEST_PAIR, "rotated": 63 - len("__rotator")}
"""The same by kind of login."""


def physical_names(recording: Recording) -> Iterator[tuple[Registration, str, str]]:
    """Everything that has a name, its name, and the form that it must have."""
    for one in recording:
        if one.type.startswith("kubernetes:"):
            metadata = one.plain["metadata"]
            yield one, f"{metadata.get('namespace', '')}/{metadata['name']}", KUBERNETES_OBJECT
        elif one.type in PHYSICAL_NAMES:
            keys, form = PHYSICAL_NAMES[one.type]
            host = recording.by_urn(one.provider_urn).plain.get("host")
            inputs = {**one.plain, "provider": str(host)}
            yield one, " ".join(inputs[key] for key in keys), form


def check(recording: Recording) -> None:
    """All names fit and are unique, and so are the texts that are made of them."""
    taken: dict[tuple[str, str], str] = {}
    for one, name, form in physical_names(recording):
        assert re.fullmatch(form, name, re.ASCII), f"{one.type} {name}"
        assert (one.type, name) not in taken, f"{one.name} and {taken[one.type, name]}: {name}"
        taken[one.type, name] = one.name
    for one in recording:
        if one.type.startswith("aws:"):
            for key in TEXTS.keys() & one.plain.keys():
                assert re.fullmatch(TEXTS[key], one.plain[key]), f"{one.name} {key}"
        elif one.type.startswith("kubernetes:"):
            for value in _labels(one.plain):
                assert re.fullmatch(LABEL_VALUE, value), f"{one.name} {value}"


def _labels(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """The values of all labels, and of all selectors of labels, in an object of Kubernetes."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"labels", "matchLabels"}:
                yield from item.values()
            else:
                yield from _labels(item)
    elif isinstance(value, list):
        for item in value:
            yield from _labels(item)


@pytest.fixture
def declared(recorded: Record) -> Callable[..., Recording]:
    """Declare production under other names."""

    def declare(stack: str, environment: str, *workflows: str, login: str = "iam") -> Recording:
        settings = renamed(
            load_stack_file(ROOT, "prod", date(2026, 11, 22)), environment, workflows, login
        )
        return recorded(lambda: platform.declare(settings, stack=stack), stack=stack)

    return declare


def renamed(
    settings: Settings, environment: str, workflows: tuple[str, ...], login: str
) -> Settings:
    """The same settings with one environment and these workflows, as if the file had said so."""
    (like, *_) = settings.workflows
    config = settings.model_dump(mode="json", by_alias=True)
    config["environments"] = [environment]
    config["workflows"] = [
        like.model_copy(update={"name": name, "reads": (), "login": login}).model_dump(
            mode="json", by_alias=True
        )
        for name in workflows
    ]
    return type(settings).load(config, date(2026, 11, 22))


@pytest.mark.parametrize("stack", STACKS)
def test_each_type_is_listed(stack: str, recorded_stack: Callable[[str], Recording]) -> None:
    types = {one.type for one in recorded_stack(stack) if one.custom}
    listed = PHYSICAL_NAMES.keys() | NAMELESS
    assert {each for each in types if not each.startswith("kubernetes:")} <= listed


@pytest.mark.parametrize("stack", STACKS)
def test_names_are_given_and_fit_and_are_unique(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    check(recorded_stack(stack))


@pytest.mark.parametrize("login", ["iam", "rotated"])
@pytest.mark.parametrize("environment", [LONGEST_WORD, LONGEST_PAIR - LONGEST_WORD])
def test_the_longest_names_fit_and_stay_apart(
    environment: int, login: str, declared: Callable[..., Recording]
) -> None:
    rest = LONGEST[login] - environment - 1
    recording = declared(
        "s" * LONGEST_STACK, "e" * environment, "w" * rest + "a", "w" * rest + "b", login=login
    )
    check(recording)
    lengths = {one.type: len(name) for one, name, _ in physical_names(recording)}
    assert lengths["aws:rds/instance:Instance"] > LONGEST_STACK


@pytest.mark.parametrize(
    ("stack", "environment", "workflow"),
    [
        (LONGEST_STACK + 1, 4, 7),
        (4, LONGEST_WORD + 1, 7),
        (4, 4, LONGEST_WORD + 1),
        (4, LONGEST_WORD, LONGEST_PAIR - LONGEST_WORD + 1),
        (4, LONGEST_WORD, LONGEST["rotated"] - LONGEST_WORD + 1),
    ],
)
def test_one_character_more_is_refused_in_a_sentence(
    stack: int, environment: int, workflow: int, declared: Callable[..., Recording]
) -> None:
    login = "rotated" if environment + workflow == LONGEST["rotated"] + 1 else "iam"
    with pytest.raises((SettingsError, ProgramError), match=r"characters|bytes") as caught:
        declared("s" * stack, "e" * environment, "w" * workflow, login=login)
    assert isinstance(caught.value, SettingsError) or isinstance(
        caught.value.__cause__, SettingsError
    )


def test_two_stacks_of_one_account_share_no_name(declared: Callable[..., Recording]) -> None:
    one, other = (
        {(each.type, name) for each, name, _ in physical_names(declared(stack, stack, "billing"))}
        for stack in ("blue", "green")
    )
    assert len(one) == len(other)
    assert one & other == set()
