"""Each AWS driver on the AWS API: create, nothing to do, change in place or replace, delete."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.deploy.testing import SmallProject, aws_api

if TYPE_CHECKING:
    from collections.abc import Iterator

# Name of the case, values before and after, sign of what the change comes to, program.
CASES = """
key-description                one two ~   aws.kms.Key("x", description="VALUE", opts=here)
key-rotation                   True False ~  aws.kms.Key("x", enable_key_rotation=VALUE, opts=here)
alias-name                     a b ±  aws.kms.Alias("x", name="alias/VALUE", target_key_id=key.id, opts=here)
alias-key                      key other ~  aws.kms.Alias("x", name="alias/c", target_key_id=VALUE.id, opts=here)
security-group-tags            a b ~  aws.ec2.SecurityGroup("x", name="x", description="x", vpc_id=vpc, tags={"a": "VALUE"}, opts=here)
security-group-name            x y ±  aws.ec2.SecurityGroup("x", name="VALUE", description="x", vpc_id=vpc, opts=here)
ingress-port                   2 3 ~  aws.vpc.SecurityGroupIngressRule("x", security_group_id=group.id, ip_protocol="tcp", from_port=1, to_port=VALUE, referenced_security_group_id=group.id, opts=here)
egress-range                   10 11 ~  aws.vpc.SecurityGroupEgressRule("x", security_group_id=group.id, ip_protocol="tcp", from_port=1, to_port=1, cidr_ipv4="VALUE.0.0.0/8", opts=here)
subnet-group                   a b ~  aws.rds.SubnetGroup("x", name="x", description="VALUE", subnet_ids=subnets, opts=here)
parameter                      5000 6000 ~  aws.rds.ParameterGroup("x", name="x", family="postgres16", description="d", parameters=[{"name": "work_mem", "value": "VALUE"}], opts=here)
parameter-family               16 17 ±  aws.rds.ParameterGroup("x", name="x", family="postgresVALUE", description="d", opts=here)
log-group-retention            3 5 ~  aws.cloudwatch.LogGroup("x", name="x", retention_in_days=VALUE, opts=here)
log-group-for-ever             5 0 ~  aws.cloudwatch.LogGroup("x", name="x", retention_in_days=VALUE, opts=here)
log-group-name                 x y ±  aws.cloudwatch.LogGroup("x", name="VALUE", opts=here)
metric-filter                  a b ~  aws.cloudwatch.LogMetricFilter("x", name="x", log_group_name=log.name, pattern="VALUE", metric_transformation={"name": "m", "namespace": "n", "value": "1", "default_value": "0"}, opts=here)
alarm                          1 2 ~  aws.cloudwatch.MetricAlarm("x", name="x", comparison_operator="LessThanThreshold", evaluation_periods=1, metric_name="m", namespace="n", period=60, statistic="Sum", threshold=VALUE, dimensions={"a": "b"}, opts=here)
role-session                   4000 5000 ~  role("x", max_session_duration=VALUE, tags={"a": "VALUE"})
role-boundary                  a b ~  role("x", permissions_boundary="arn:aws:iam::123456789012:policy/VALUE")
inline-policy-name             x y ±  aws.iam.RolePolicy("x", name="VALUE", role=executor.name, policy=policy, opts=here)
inline-policy                  a b ~  aws.iam.RolePolicy("x", name="x", role=executor.name, policy=document(Action="s3:*", Resource="arn:aws:s3:::VALUE"), opts=here)
secret                         a b ~  aws.secretsmanager.Secret("x", name="x", description="VALUE", recovery_window_in_days=0, opts=here)
secret-name                    x y ±  aws.secretsmanager.Secret("x", name="VALUE", recovery_window_in_days=0, opts=here)
secret-version                 a b ±  aws.secretsmanager.SecretVersion("x", secret_id=secret.id, secret_string="VALUE", opts=here)
bucket-tags                    a b ~  bucket("x", tags={"a": "VALUE"})
bucket-name                    one two ±  aws.s3.Bucket("x", bucket="bucket-VALUE", opts=here)
bucket-versioning              Enabled Suspended ~  aws.s3.BucketVersioning("x", bucket=logs.id, versioning_configuration={"status": "VALUE"}, opts=here)
bucket-encryption              True False ~  aws.s3.BucketServerSideEncryptionConfiguration("x", bucket=logs.id, rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}, "bucket_key_enabled": VALUE}], opts=here)
bucket-public-access           True False ~  aws.s3.BucketPublicAccessBlock("x", bucket=logs.id, block_public_acls=VALUE, block_public_policy=True, opts=here)
bucket-ownership               BucketOwnerEnforced ObjectWriter ~  aws.s3.BucketOwnershipControls("x", bucket=logs.id, rule={"object_ownership": "VALUE"}, opts=here)
bucket-policy                  a b ~  aws.s3.BucketPolicy("x", bucket=logs.id, policy=document(Principal="*", Action="s3:*", Resource=["arn:aws:s3:::logs-bucket/VALUE"]), opts=here)
bucket-lifecycle               7 8 ~  aws.s3.BucketLifecycleConfiguration("x", bucket=logs.id, rules=[{"id": "old", "status": "Enabled", "expiration": {"days": VALUE}, "noncurrent_version_expiration": {"noncurrent_days": 1}, "abort_incomplete_multipart_upload": {"days_after_initiation": 1}}], opts=here)
bucket-setting-elsewhere       logs other_logs ±  aws.s3.BucketPublicAccessBlock("x", bucket=VALUE.id, block_public_acls=True, opts=here)
queue                          60 120 ~  aws.sqs.Queue("x", name="x", message_retention_seconds=VALUE, sqs_managed_sse_enabled=True, tags={"a": "VALUE"}, opts=here)
queue-name                     x y ±  aws.sqs.Queue("x", name="VALUE", opts=here)
event-rule                     1 2 ~  aws.cloudwatch.EventRule("x", name="x", schedule_expression="rate(VALUE days)", tags={"a": "VALUE"}, opts=here)
event-rule-name                x y ±  aws.cloudwatch.EventRule("x", name="VALUE", schedule_expression="rate(2 days)", opts=here)
event-target                   a b ~  aws.cloudwatch.EventTarget("x", rule=rule.name, target_id="x", arn=executor.arn, input='{"a": "VALUE"}', opts=here)
instance-class                 micro small ~  database("x", instance_class="db.t4g.VALUE")
instance-storage-and-port      40 41 ~  database("x", allocated_storage=VALUE, port=54VALUE)
instance-logs                  postgresql upgrade ~  database("x", enabled_cloudwatch_logs_exports=["VALUE"])
instance-user                  a b ±  database("x", username="userVALUE")
"""  # noqa: E501 - a table

SURROUNDINGS = """
vpc = "{vpc}"
subnets = {subnets}
group = aws.ec2.SecurityGroup("group", name="group", description="g", vpc_id=vpc, opts=here)
executor = role("executor")
key, other = aws.kms.Key("key", opts=here), aws.kms.Key("other", opts=here)
log = aws.cloudwatch.LogGroup("log", name="log", opts=here)
rule = aws.cloudwatch.EventRule("rule", name="rule", schedule_expression="rate(2 days)", opts=here)
secret = aws.secretsmanager.Secret("secret", name="secret", recovery_window_in_days=0, opts=here)

def bucket(name, **more):
    return aws.s3.Bucket(name, bucket=f"{{name}}-bucket", opts=here, **more)

logs, other_logs = bucket("logs"), bucket("other-logs")

def database(name, **more):
    settings = dict(
        identifier=name, engine="postgres", engine_version="16", instance_class="db.t4g.micro",
        allocated_storage=20, username="dbmaster", manage_master_user_password=True,
        skip_final_snapshot=True)
    return aws.rds.Instance(name, **{{**settings, **more}}, opts=here)
"""


def _cases() -> list[Any]:
    lines = [line.split(None, 4) for line in CASES.strip().splitlines()]
    return [pytest.param(*rest, id=name) for name, *rest in lines]


class Project(SmallProject):
    """A small project with what the cases need around them."""

    surroundings: str = ""

    def bring_up(self, text: str) -> list[tuple[str, str]]:
        """Carry a program out, see that doing it again does nothing, tell what became of `x`."""
        self.program(self.surroundings + text + "\n")
        result = self.up()
        assert result.ok, result.messages
        done = self.done()
        assert self.up().events == ()
        return [one for one in done if one[1].startswith("x")]


@pytest.fixture(scope="module")
def api() -> Iterator[dict[str, str]]:
    with aws_api() as environment:
        # moto needs Docker to run functions.
        _tell(environment, "config", {"lambda": {"use_docker": False}})
        yield environment


@pytest.fixture(scope="module")
def shared(api: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in api.items():
            patch.setenv(name, value)
        found = boto3.client("ec2").describe_subnets()["Subnets"][:2]
        vpc, subnets = found[0]["VpcId"], [subnet["SubnetId"] for subnet in found]
        project = Project(tmp_path_factory.mktemp("drivers") / "project")
        project.surroundings = SURROUNDINGS.format(vpc=vpc, subnets=subnets)
        yield project


@pytest.fixture
def project(
    shared: Project, api: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    for name, value in api.items():
        monkeypatch.setenv(name, value)
    yield shared
    shared.bring_up("")


def _tell(environment: dict[str, str], path: str, what: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - moto on loopback
        f"{environment['AWS_ENDPOINT_URL']}/moto-api/{path}",
        json.dumps(what).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()  # noqa: S310 - as above


@pytest.mark.parametrize(("before", "after", "sign", "text"), _cases())
def test_created_changed_and_deleted(
    project: Project, before: str, after: str, sign: str, text: str
) -> None:
    assert project.bring_up(text.replace("VALUE", before)) == [("+", "x")]
    assert project.bring_up(text.replace("VALUE", after)) == [(sign, "x")]
    assert project.bring_up("") == [("-", "x")]


def test_a_new_security_group_lets_nothing_out(project: Project) -> None:
    project.bring_up("")
    (group,) = boto3.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["group"]}]
    )["SecurityGroups"]
    assert group["IpPermissionsEgress"] == []


def test_an_instance_tells_what_the_provider_tells(project: Project) -> None:
    text = 'one = database("x")\npulumi.export("secret", one.master_user_secrets[0].secret_arn)\n'
    text += 'pulumi.export("all", [one.address, one.port, one.resource_id, one.arn])'
    project.bring_up(text)
    exports = project.up().exports
    (found,) = boto3.client("rds").describe_db_instances()["DBInstances"]
    assert exports["secret"] == found["MasterUserSecret"]["SecretArn"]
    endpoint = found["Endpoint"]
    identity = [found["DbiResourceId"], found["DBInstanceArn"]]
    assert exports["all"] == [endpoint["Address"], endpoint["Port"], *identity]


def test_an_instance_without_a_final_snapshot_is_kept(project: Project) -> None:
    project.bring_up('database("x", skip_final_snapshot=False)')
    project.program(project.surroundings)
    assert "finalSnapshotIdentifier is needed unless" in project.up().messages[0]
    project.bring_up('database("x", skip_final_snapshot=False, final_snapshot_identifier="last")')
    assert project.bring_up("") == [("-", "x")]
    snapshots = boto3.client("rds").describe_db_snapshots()["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in snapshots] == ["last"]


def test_a_secret_waits_for_its_deletion_unless_told_otherwise(project: Project) -> None:
    project.bring_up('aws.secretsmanager.Secret("x", name="waiting", opts=here)')
    project.bring_up("")
    assert "DeletedDate" in boto3.client("secretsmanager").describe_secret(SecretId="waiting")


LIFECYCLE = """
block = aws.s3.BucketPublicAccessBlock(
    "x-block", bucket=logs.id, block_public_acls=True, restrict_public_buckets=True, opts=here)
lifecycle = aws.s3.BucketLifecycleConfiguration("x-lifecycle", bucket=logs.id, opts=here, rules=[
    {"id": "old", "status": "Enabled", "expiration": {"days": 7},
     "noncurrent_version_expiration": {"noncurrent_days": 3}}])
encryption = aws.s3.BucketServerSideEncryptionConfiguration("x-encryption", bucket=logs.id, rules=[
    {"apply_server_side_encryption_by_default":
        {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}, "bucket_key_enabled": True}],
    opts=here)
pulumi.export("key", key.arn)
"""


def test_what_is_set_on_a_bucket_arrives_as_it_is_meant(project: Project) -> None:
    project.bring_up(LIFECYCLE)
    key = project.up().exports["key"]
    s3, bucket = boto3.client("s3"), {"Bucket": "logs-bucket"}
    (rule,) = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert rule["Filter"] == {}
    assert (rule["Expiration"], rule["NoncurrentVersionExpiration"]) == (
        {"Days": 7},
        {"NoncurrentDays": 3},
    )
    assert s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": False,
        "IgnorePublicAcls": False,
        "RestrictPublicBuckets": True,
    }
    (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule == {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    project.bring_up("")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(**bucket)
    with pytest.raises(ClientError, match="ServerSideEncryptionConfigurationNotFoundError"):
        s3.get_bucket_encryption(**bucket)


def test_a_bucket_with_objects_is_kept_unless_told_otherwise(project: Project) -> None:
    text = """
full = bucket("x", force_destroy=FORCE)
pulumi.export("arn", full.arn)
"""
    project.bring_up(text.replace("FORCE", "False"))
    assert project.up().exports == {"arn": "arn:aws:s3:::x-bucket"}
    s3 = boto3.client("s3")
    s3.put_bucket_versioning(Bucket="x-bucket", VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        s3.put_object(Bucket="x-bucket", Key="one", Body=str(number).encode())
    s3.delete_object(Bucket="x-bucket", Key="one")
    s3.create_multipart_upload(Bucket="x-bucket", Key="half")
    project.program(project.surroundings)
    assert "bucket x-bucket has objects: set forceDestroy" in project.up().messages[0]
    assert project.bring_up(text.replace("FORCE", "True")) == [("~", "x")]
    assert project.bring_up("") == [("-", "x")]
    assert "x-bucket" not in {one["Name"] for one in s3.list_buckets()["Buckets"]}


FUNCTION = """
function = aws.lambda_.Function(
    "x-function", name="x", role=executor.arn, runtime="python3.13", handler="h.h", timeout=30,
    code=pulumi.FileArchive("build/x.zip"), environment={"variables": {"A": "VALUE"}}, opts=here)
call = aws.lambda_.Invocation("x-call", function_name=function.name, input='{"a": 1}', opts=here)
pulumi.export("result", call.result)
"""


def _package(project: Project, source: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("h.py", source)
    (project.root / "build").mkdir(exist_ok=True)
    (project.root / "build" / "x.zip").write_bytes(packed.getvalue())


def test_a_function_follows_the_content_of_its_package(project: Project) -> None:
    _package(project, "one = 1")
    assert project.bring_up(FUNCTION) == [("+", "x-call"), ("+", "x-function")]
    digest = boto3.client("lambda").get_function(FunctionName="x")["Configuration"]["CodeSha256"]
    _package(project, "two = 2")
    assert project.bring_up(FUNCTION) == [("~", "x-function")]
    found = boto3.client("lambda").get_function(FunctionName="x")["Configuration"]
    assert found["CodeSha256"] != digest
    assert project.bring_up(FUNCTION.replace("VALUE", "other")) == [("~", "x-function")]
    found = boto3.client("lambda").get_function(FunctionName="x")["Configuration"]
    assert found["Environment"] == {"Variables": {"A": "other"}}
    assert project.bring_up("") == [("-", "x-call"), ("-", "x-function")]


def test_a_function_is_invoked_again_when_the_input_changes(project: Project) -> None:
    """What moto answers is the input."""
    _package(project, "one = 1")
    project.bring_up(FUNCTION)
    assert project.up().exports == {"result": '{"a": 1}'}
    assert project.bring_up(FUNCTION.replace('"a": 1', '"a": 2')) == [("±", "x-call")]
    assert project.up().exports == {"result": '{"a": 2}'}


def test_a_missing_package_is_said_before_anything_is_done(project: Project) -> None:
    (project.root / "build" / "x.zip").unlink(missing_ok=True)
    project.program(project.surroundings + FUNCTION)
    assert not project.preview().problems
    with pytest.raises(Exception, match=r"nothing was changed: .*build/x\.zip cannot be read"):
        project.up()
