"""Rules for functions: what they run, where, how long, who invokes them, what becomes of failures.

What their roles allow is in `rights`; that no variable is a literal secret is in `plain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.documents import is_pattern
from policies.family import sibling
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.databases import INSTANCE
from policies.rules.identities import ROLE
from policies.rules.rights import ROLE_POLICY
from policies.rules.secrets import FUNCTION, VERSION
from policies.rules.separation import PROXY

PERMISSION = "aws:lambda/permission:Permission"
URL = "aws:lambda/functionUrl:FunctionUrl"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
QUEUE = "aws:sqs/queue:Queue"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"

# Lambda's, where none is set: too short for any connection.
_DEFAULT_TIMEOUT = 3
_ACCOUNT = re.compile(r"\d{12}")


@rule(
    "lambda-runtime",
    of=(FUNCTION,),
    severity=Severity.HIGH,
    says="A function runs on a runtime that AWS still mends.",
    mend="Set runtime to one that is allowed here.",
    controls=("FSBP Lambda.2", "CKV_AWS_363"),
    parameters={
        "runtimes": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["python3.12", "python3.13", "python3.14"],
        }
    },
)
def lambda_runtime(function: Resource, config: Config) -> Iterator[str]:
    """Absent is an image, whose runtime nobody sees here."""
    runtime = function.value("runtime")
    if runtime not in config["runtimes"]:
        yield f"runtime is {runtime!r}; allowed are {', '.join(config['runtimes'])}"


@rule_in_stack(
    "lambda-own-role",
    of=(FUNCTION,),
    severity=Severity.HIGH,
    says="Each function has a role of its own.",
    mend="Declare a role with what this function needs, and set role to its ARN.",
)
def lambda_own_role(function: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """With another's role, its code may do what another function is for. Absent is refused."""
    roles = stack.origins(function, "role", type_=ROLE)
    if not roles or not function.is_set("role"):
        yield "role comes from no role that is declared here"
    for role in roles:
        if others := [one.name for one in stack.users(role, FUNCTION) if one != function]:
            yield f"{role.label} is also that of {', '.join(others)}"


@rule_in_stack(
    "lambda-vpc-2az",
    of=(FUNCTION,),
    severity=Severity.HIGH,
    says="A function that reaches a database runs in the VPC, in more than one zone, behind a "
    "security group of this stack.",
    mend="Set vpcConfig to two subnets at least, in different zones, and a security group.",
    controls=("FSBP Lambda.3", "FSBP Lambda.5", "CKV_AWS_117"),
)
def lambda_vpc_2az(function: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is right for a function that only calls AWS's APIs, and has no right on a database.

    Subnets are settings, each in a zone of its own: the program looks them up and says so.
    """
    subnets = function.items("vpcConfig.subnetIds")
    if not subnets and not _reaches_database(function, stack):
        return
    if len({str(one) for one in subnets}) < 2:
        yield f"vpcConfig.subnetIds has {len(subnets)}, not two or more: one zone down, it is too"
    groups = stack.origins(function, "vpcConfig", type_=SECURITY_GROUP)
    if not groups or not function.items("vpcConfig.securityGroupIds"):
        yield "vpcConfig has no security group of this stack: who knows what it lets through"


def _reaches_database(function: Resource, stack: Stack) -> bool:
    """Whether its role has a right on an instance or a proxy."""
    return any(
        stack.origins(policy, "policy", type_=server)
        for role in stack.origins(function, "role", type_=ROLE)
        for policy in stack.users(role, ROLE_POLICY)
        for server in (INSTANCE, PROXY)
    )


@rule_in_stack(
    "lambda-timeout",
    of=(FUNCTION,),
    severity=Severity.HIGH,
    says="A function outlasts the failover of its database, and does not hang for ever.",
    mend="Set timeout, in seconds, between the rule's two limits.",
    parameters={
        "most": {"type": "integer", "minimum": 1, "maximum": 900, "default": 300},
        "failover": {"type": "integer", "minimum": 1, "maximum": 900, "default": 120},
    },
)
def lambda_timeout(function: Resource, stack: Stack, config: Config) -> Iterator[str]:
    """Absent is 3 s, Lambda's default, which no start and first connection fits into."""
    given, seconds = function.value("timeout"), function.number("timeout") or 0
    least = config["failover"] if _reaches_database(function, stack) else _DEFAULT_TIMEOUT
    if not least < seconds <= config["most"]:
        yield f"timeout is {given!r}, not more than {least} s and at most {config['most']} s"


@rule_in_stack(
    "lambda-concurrency",
    of=(FUNCTION,),
    severity=Severity.MEDIUM,
    says="What prepares a database runs once at a time; no function is switched off.",
    mend="Set reservedConcurrentExecutions to 1 for a function that logs in as the master; leave "
    "it away for others.",
    controls=("CKV_AWS_115",),
)
def lambda_concurrency(function: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is as many as the account has, which is right for events of separate logins.

    Reserving takes from the account's quota: no function gets some that waits for no other.
    """
    given = function.value("reservedConcurrentExecutions")
    if given == 0:
        yield "reservedConcurrentExecutions is 0: the function never runs"
    elif given != 1 and stack.component(function, ":Provisioner"):
        yield f"reservedConcurrentExecutions is {given!r}, not 1: two masters at work at a time"


@rule_in_stack(
    "lambda-dlq",
    of=(FUNCTION,),
    severity=Severity.MEDIUM,
    says="An event that a service sends to a function, and that fails for good, is kept.",
    mend="Set deadLetterConfig to a queue of this stack.",
    controls=("CKV_AWS_116",),
    later=("deadLetterConfig",),
)
def lambda_dlq(function: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Who may be invoked by a service needs one; who is invoked by a deployment answers it."""
    if not stack.users(function, PERMISSION):
        return
    queues = stack.origins(function, "deadLetterConfig", type_=QUEUE)
    if not queues or not function.is_set("deadLetterConfig.targetArn"):
        yield "deadLetterConfig is no queue of this stack: failed events are gone"


@rule_in_stack(
    "lambda-no-env-secrets",
    of=(FUNCTION,),
    severity=Severity.CRITICAL,
    says="The environment of a function comes from nothing that holds a secret.",
    mend="Give it the secret's ARN, and the right to read it.",
    controls=("CKV_AWS_45", "CKV_AWS_173"),
)
def lambda_no_env_secrets(function: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """With none in it, Lambda's own encryption is enough, and kmsKeyArn may be absent."""
    for origin in stack.origins(function, "environment"):
        if origin.type == VERSION or origin.type.startswith(("random:", "tls:")):
            yield f"environment comes from {origin.label}: whoever may see the function reads it"


@rule_in_stack(
    "lambda-log-group",
    of=(FUNCTION,),
    severity=Severity.HIGH,
    says="A function's log group is declared, and forgets.",
    mend="Declare a LogGroup /aws/lambda/<name> with retentionInDays, named like the function.",
    controls=("CKV_AWS_338",),
    later=("loggingConfig",),
)
def lambda_log_group(function: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """One that is not declared is made by Lambda: unencrypted, and kept for ever. Zero is too."""
    group, wanted = sibling(stack, function, LOG_GROUP), f"/aws/lambda/{function.value('name')}"
    # Where none is asked for, AWS answers with its default.
    used = function.value("loggingConfig.logGroup") or wanted
    if group is None or not group.value("name") == used == wanted:
        yield f"no log group {wanted} is declared beside it: Lambda makes one, unencrypted"
    elif not group.number("retentionInDays"):
        yield f"retentionInDays of {group.label} is not set: it is kept for ever"


@rule(
    "lambda-invoke-scoped",
    of=(PERMISSION,),
    severity=Severity.CRITICAL,
    says="A function is invoked by one service, for one thing of one account.",
    mend="Set principal to a service that the rule lists, sourceAccount and sourceArn.",
    controls=("FSBP Lambda.1", "CKV_AWS_301", "CKV_AWS_364"),
    later=("sourceArn",),
    parameters={
        "services": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["events.amazonaws.com", "secretsmanager.amazonaws.com"],
        }
    },
)
def lambda_invoke_scoped(permission: Resource, config: Config) -> Iterator[str]:
    """Absent, sourceAccount and sourceArn are anybody's: the service acts for all accounts."""
    if permission.value("action") != "lambda:InvokeFunction":
        yield f"action is {permission.value('action')!r}, not 'lambda:InvokeFunction'"
    if permission.value("principal") not in config["services"]:
        yield f"principal is {permission.value('principal')!r}, no service that is allowed here"
    if not _ACCOUNT.fullmatch(str(permission.value("sourceAccount"))):
        yield f"sourceAccount is {permission.value('sourceAccount')!r}, no account"
    if permission.is_set("functionUrlAuthType"):
        yield "functionUrlAuthType is set: the function has an address"
    source = permission.value("sourceArn")
    if not isinstance(source, str) or not source.startswith("arn:") or is_pattern(source):
        yield f"sourceArn is {source!r}, not the ARN of one thing"


@rule(
    "lambda-no-url",
    of=(URL,),
    severity=Severity.CRITICAL,
    says="No function has an address of its own.",
    mend="Let who needs it invoke the function by AWS's API, with a right to.",
    controls=("CKV_AWS_258",),
)
def lambda_no_url(_url: Resource, _config: Config) -> Iterator[str]:
    """It is refused for what it is, whatever its properties."""
    yield "it gives a function an address in the internet"
