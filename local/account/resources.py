"""Which resources a call is about: the ARNs that IAM decides on.

The table covers what policies of this project name. Every other operation is decided on `*`: only
an Allow on `*` lets it through, and a Deny on one resource does not see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.iam.exceptions import NoSuchEntity, NotFoundException

from local.account import buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moto.kms.models import Key

    from local.account.backends import Backends
    from local.account.calls import Call

ANY = ("*",)
_KEY_ID_LENGTH = 36

# Parameter -> the kind of resource in its ARN.
_RDS = {
    "DBInstanceIdentifier": "db",
    "DBParameterGroupName": "pg",
    "DBSubnetGroupName": "subgrp",
    "DBSnapshotIdentifier": "snapshot",
    "FinalDBSnapshotIdentifier": "snapshot",
    "SubscriptionName": "es",
    "DBProxyName": "db-proxy",
}
# (operation, parameter that names a role, service the role is passed to)
_PASSED_ROLES = (
    ("lambda:CreateFunction", "Role", "lambda.amazonaws.com"),
    ("lambda:UpdateFunctionConfiguration", "Role", "lambda.amazonaws.com"),
    ("rds:CreateDBInstance", "MonitoringRoleArn", "monitoring.rds.amazonaws.com"),
    ("rds:ModifyDBInstance", "MonitoringRoleArn", "monitoring.rds.amazonaws.com"),
    ("rds:CreateDBProxy", "RoleArn", "rds.amazonaws.com"),
)


def resources(call: Call, backends: Backends) -> tuple[str, ...]:
    """The ARNs that a call is about, at least one; each has to be allowed."""
    find = _FINDERS.get(call.service)
    return (find(call.parameters, backends) if find else ()) or ANY


def passed_role(call: Call) -> tuple[str, str] | None:
    """The role that a call hands to an AWS service, and that service; None for most calls."""
    for action, parameter, service in _PASSED_ROLES:
        if call.action == action and call.parameters.get(parameter):
            return str(call.parameters[parameter]), service
    return None


def find_key(key_id: str, backends: Backends) -> Key | None:
    """Find a KMS key by id, ARN, alias or the alias's ARN."""
    name = key_id.split(":", 5)[5] if key_id.startswith("arn:") else key_id
    keys = backends.kms.keys
    if name.startswith("alias/"):
        return next((key for key in keys.values() if name in key.aliases), None)
    return keys.get(name.removeprefix("key/"))


def key_arn(key_id: str, backends: Backends) -> str:
    """The ARN of a KMS key; of an unknown one as if it existed."""
    key = find_key(key_id, backends)
    return key.arn if key else backends.arn("kms", f"key/{key_id.rpartition('/')[2]}")


def secret_arn(name: str, backends: Backends) -> str:
    """The ARN of a secret given by name or ARN; of an unknown one as it could become."""
    secret = backends.secrets.secrets.get(name)
    if secret is not None:
        return secret.arn
    if name.startswith("arn:"):
        return name
    return backends.arn("secretsmanager", f"secret:{name}-??????")


def function_arn(name: str, backends: Backends, qualifier: str | None = None) -> str:
    """The ARN of a function given by name, partial ARN or ARN."""
    bare, *rest = name.rpartition("function:")[2].split(":")
    qualifier = qualifier or (rest[0] if rest else None)
    return backends.arn("lambda", f"function:{bare}" + (f":{qualifier}" if qualifier else ""))


def _secrets(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    one = parameters.get("SecretId") or parameters.get("Name")
    names = parameters.get("SecretIdList") or [one]
    return tuple(secret_arn(str(name), backends) for name in names if name)


def _keys(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    key_id = parameters.get("KeyId") or parameters.get("TargetKeyId")
    blob = parameters.get("CiphertextBlob")
    if not key_id and blob:
        # moto writes the key's id in front of what it encrypts.
        key_id = blob[:_KEY_ID_LENGTH].decode(errors="replace")
    found = [key_arn(str(key_id), backends)] if key_id else []
    if parameters.get("AliasName"):
        found.append(backends.arn("kms", str(parameters["AliasName"])))
    return tuple(found)


def _functions(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    name = parameters.get("FunctionName")
    return (function_arn(str(name), backends, parameters.get("Qualifier")),) if name else ()


def _databases(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    found = [
        backends.arn("rds", f"{kind}:{str(parameters[name]).lower()}")
        for name, kind in _RDS.items()
        if parameters.get(name)
    ]
    if parameters.get("ResourceName"):
        found.append(str(parameters["ResourceName"]))
    return tuple(found)


def _identities(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    prefix = f"arn:aws:iam::{backends.account}:"
    iam = backends.iam
    lookups: dict[str, tuple[str, Callable[[str], Any]]] = {
        "RoleName": ("role", iam.get_role),
        "UserName": ("user", iam.get_user),
        "GroupName": ("group", iam.get_group),
    }
    found = []
    for parameter, (kind, look_up) in lookups.items():
        if name := parameters.get(parameter):
            try:
                found.append(str(look_up(name).arn))
            except (NoSuchEntity, NotFoundException):
                found.append(f"{prefix}{kind}{parameters.get('Path') or '/'}{name}")
    if found:
        return tuple(found)
    if name := parameters.get("PolicyName"):
        return (f"{prefix}policy{parameters.get('Path') or '/'}{name}",)
    arn = parameters.get("PolicyArn") or parameters.get("OpenIDConnectProviderArn")
    return (str(arn),) if arn else ()


def _sts(parameters: Mapping[str, Any], _backends: Backends) -> tuple[str, ...]:
    return (str(parameters["RoleArn"]),) if parameters.get("RoleArn") else ()


def _logs(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    group = parameters.get("logGroupName")
    if not group:
        return (str(parameters["resourceArn"]),) if parameters.get("resourceArn") else ()
    stream = parameters.get("logStreamName") or ""
    return (backends.arn("logs", f"log-group:{group}:log-stream:{stream}"),)


def _alarms(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    names = [parameters.get("AlarmName"), *parameters.get("AlarmNames", ())]
    return tuple(backends.arn("cloudwatch", f"alarm:{name}") for name in names if name)


def _clusters(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    name = parameters.get("clusterName") or parameters.get("name")
    return (backends.arn("eks", f"cluster/{name}"),) if name else ()


def _topics(parameters: Mapping[str, Any], backends: Backends) -> tuple[str, ...]:
    arn = parameters.get("TopicArn") or parameters.get("TargetArn") or parameters.get("ResourceArn")
    if arn:
        return (str(arn),)
    return (backends.arn("sns", str(parameters["Name"])),) if parameters.get("Name") else ()


_FINDERS: dict[str, Callable[[Mapping[str, Any], Backends], tuple[str, ...]]] = {
    "cloudwatch": _alarms,
    "eks": _clusters,
    "iam": _identities,
    "kms": _keys,
    "lambda": _functions,
    "logs": _logs,
    "rds": _databases,
    "s3": buckets.arns,
    "secretsmanager": _secrets,
    "sns": _topics,
    "sts": _sts,
}
