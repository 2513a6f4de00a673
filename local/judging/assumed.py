"""What AWS would answer to a program that is only recorded: ARNs by its naming rules, ids made up.

With them every document that the program builds is there to be judged. What AWS chooses itself (a
key's id, the six characters after a secret's name, a server's resource id) has AWS's form, is the
same each time, and exists nowhere.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.deploy.registration import Registration


@dataclass(frozen=True)
class Account:
    """The AWS account that would answer."""

    number: str
    region: str

    def outputs(self, one: Registration) -> Mapping[str, Any]:
        """What a provider adds to the inputs of a registration; `id` is the resource's."""
        properties = one.plain
        given = properties.get("name") or properties.get("identifier") or properties.get("bucket")
        made = _MADE.get(one.type, _named)(self, str(given or one.name), _digest(one.name))
        return {"id": made.get("arn", one.name), **made}

    def arn(self, service: str, resource: str, *, everywhere: bool = False) -> str:
        """The ARN of something; IAM's have no region."""
        return f"arn:aws:{service}:{'' if everywhere else self.region}:{self.number}:{resource}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _resource_id(prefix: str, digest: str) -> str:
    """Such as `db-` with 26 letters and digits, as `DbiResourceId` has."""
    return f"{prefix}-{base64.b32encode(bytes.fromhex(digest)).decode()[:26]}"


def _named(_account: Account, name: str, _digest: str) -> dict[str, Any]:
    return {"id": name}


def _instance(account: Account, name: str, digest: str) -> dict[str, Any]:
    secret = f"secret:rds!db-{uuid.UUID(digest[:32])}-{digest[:6]}"
    return {
        "id": _resource_id("db", digest),
        "address": f"{name}.{digest[:12]}.{account.region}.rds.amazonaws.com",
        "arn": account.arn("rds", f"db:{name}"),
        "resourceId": _resource_id("db", digest),
        "masterUserSecrets": [{"secretArn": account.arn("secretsmanager", secret)}],
    }


def _proxy(account: Account, name: str, digest: str) -> dict[str, Any]:
    return {
        "id": name,
        "arn": account.arn("rds", f"db-proxy:prx-{digest[:17]}"),
        "endpoint": f"{name}.proxy-{digest[:12]}.{account.region}.rds.amazonaws.com",
    }


def _key(account: Account, _name: str, digest: str) -> dict[str, Any]:
    identifier = str(uuid.UUID(digest[:32]))
    arn = account.arn("kms", f"key/{identifier}")
    return {"id": identifier, "keyId": identifier, "arn": arn}


def _alias(account: Account, name: str, _digest: str) -> dict[str, Any]:
    return {"id": name, "arn": account.arn("kms", name)}


def _secret(account: Account, name: str, digest: str) -> dict[str, Any]:
    return {"arn": account.arn("secretsmanager", f"secret:{name}-{digest[:6]}")}


def _role(account: Account, name: str, _digest: str) -> dict[str, Any]:
    return {"id": name, "arn": account.arn("iam", f"role/{name}", everywhere=True)}


def _function(account: Account, name: str, digest: str) -> dict[str, Any]:
    return {
        "id": name,
        "arn": account.arn("lambda", f"function:{name}"),
        "codeSha256": base64.b64encode(bytes.fromhex(digest)).decode(),
    }


def _security_group(account: Account, _name: str, digest: str) -> dict[str, Any]:
    identifier = f"sg-{digest[:17]}"
    return {"id": identifier, "arn": account.arn("ec2", f"security-group/{identifier}")}


def _bucket(_account: Account, name: str, _digest: str) -> dict[str, Any]:
    return {"id": name, "bucket": name, "arn": f"arn:aws:s3:::{name}"}


def _queue(account: Account, name: str, _digest: str) -> dict[str, Any]:
    url = f"https://sqs.{account.region}.amazonaws.com/{account.number}/{name}"
    return {"id": url, "url": url, "arn": account.arn("sqs", name)}


def _arn(service: str, resource: str) -> Callable[[Account, str, str], dict[str, Any]]:
    """Something whose ARN is its kind and its name."""
    return lambda account, name, _digest: {
        "id": name,
        "arn": account.arn(service, f"{resource}{name}"),
    }


_MADE: Mapping[str, Callable[[Account, str, str], dict[str, Any]]] = {
    "aws:cloudwatch/eventRule:EventRule": _arn("events", "rule/"),
    "aws:cloudwatch/logGroup:LogGroup": _arn("logs", "log-group:"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _arn("cloudwatch", "alarm:"),
    "aws:ec2/securityGroup:SecurityGroup": _security_group,
    "aws:iam/role:Role": _role,
    "aws:kms/alias:Alias": _alias,
    "aws:kms/key:Key": _key,
    "aws:lambda/function:Function": _function,
    "aws:rds/eventSubscription:EventSubscription": _arn("rds", "es:"),
    "aws:rds/instance:Instance": _instance,
    "aws:rds/parameterGroup:ParameterGroup": _arn("rds", "pg:"),
    "aws:rds/proxy:Proxy": _proxy,
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": lambda *_: {"name": "default"},
    "aws:rds/subnetGroup:SubnetGroup": _arn("rds", "subgrp:"),
    "aws:s3/bucket:Bucket": _bucket,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:sqs/queue:Queue": _queue,
}
