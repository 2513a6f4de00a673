"""Decides calls: gathers the policies and condition keys that `local.account.iam` judges by.

Assuming a role is decided in `local.account.sts`, because a trust policy has rules of its own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.secretsmanager.models import FakeSecret

from local.account import buckets
from local.account.errors import AwsError, not_authorized
from local.account.iam import Policy, Request, decide
from local.account.postgres.identities import Decision
from local.account.resources import find_key, key_arn, passed_role, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.account.backends import Backends
    from local.account.calls import Call
    from local.account.principals import Directory, Principal

# What a caller needs on a secret's own key, by operation: Secrets Manager uses it on his behalf.
_KEY_ACTIONS = {
    "GetSecretValue": ("kms:Decrypt",),
    "BatchGetSecretValue": ("kms:Decrypt",),
    "CreateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
    "PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    "UpdateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
}
# What Secrets Manager says when the key is not enabled, by the first of these actions.
_KEY_FAILURES = {
    "kms:Decrypt": ("DecryptionFailure", "decrypt"),
    "kms:GenerateDataKey": ("EncryptionFailure", "encrypt"),
}
_OPEN_TO_ALL = "sts:GetCallerIdentity"


class Authorizer:
    """Decides what principals may do; the caller holds the account's lock."""

    def __init__(self, directory: Directory, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._backends: Backends = directory.backends
        self._clock = clock

    def check(self, call: Call, caller: Principal) -> None:
        """Let a call pass.

        Raises:
            RefusedError: IAM does not allow it; the message says why.
            AwsError: the key of a secret is not enabled.
        """
        if call.action == _OPEN_TO_ALL:
            return
        context = self._call_context(call)
        for resource in resources(call, self._backends):
            self._require(caller, call.action, resource, context)
            if call.name == "BatchGetSecretValue":
                self._require(caller, "secretsmanager:GetSecretValue", resource, context)
        self._check_secret_keys(call, caller)
        self._check_objects(call, caller)
        if passed := passed_role(call):
            role, service = passed
            self._require(caller, "iam:PassRole", role, {"iam:passedtoservice": service})

    def decide(
        self,
        caller: Principal,
        action: str,
        resource: str,
        context: Mapping[str, str | None],
        trust: Policy | None = None,
    ) -> Decision:
        """Decide one action on one resource.

        Args:
            caller: who asks.
            action: the IAM action.
            resource: the ARN, or `*`.
            context: the condition keys of this request beyond those of every request.
            trust: a policy that has to allow the action too, instead of the resource's own.
        """
        policies = self._directory.policies(caller)
        policy, resource_decides = (trust, True) if trust else self._policy_of(resource)
        return decide(
            Request(
                subject=caller.words,
                action=action,
                resource=resource,
                context={**self.context(), **self._directory.context(caller), **context},
                principals=caller.names,
                account=self._backends.account,
            ),
            replace(policies, resource=policy, resource_decides=resource_decides),
        )

    def context(self) -> dict[str, str | None]:
        """The condition keys that every request has, whoever makes it."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        return {
            "aws:calledvia": None,
            "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(now.timestamp())),
            "aws:requestedregion": self._backends.region,
            "aws:resourceaccount": self._backends.account,
            # AWS answers by TLS only; here the loopback interface stands in for it.
            "aws:securetransport": "true",
            "aws:sourceaccount": None,
            "aws:sourcearn": None,
            "aws:sourceip": "127.0.0.1",
            "aws:sourcevpc": None,
            "aws:sourcevpce": None,
            "aws:viaawsservice": "false",
        }

    def _require(
        self, caller: Principal, action: str, resource: str, context: Mapping[str, str | None]
    ) -> None:
        decision = self.decide(caller, action, resource, context)
        if not decision.allowed:
            raise not_authorized(caller.arn, action, resource, decision.reason)

    def _policy_of(self, arn: str) -> tuple[Policy | None, bool]:
        """The policy of a resource, and whether nothing is allowed without it."""
        service = arn.split(":")[2] if arn.startswith("arn:") else ""
        if service == "secretsmanager":
            secret = self._backends.secrets.secrets.get(arn)
            if isinstance(secret, FakeSecret) and secret.policy:
                return Policy(f"resource policy of secret {secret.name}", secret.policy), False
        if service == "lambda":
            return function_policy(arn, self._backends), False
        if service == "s3":
            return buckets.policy_of(arn, self._backends), False
        if service == "kms" and (key := find_key(arn, self._backends)):
            return Policy(f"key policy of {key.id}", key.policy), True
        return None, False

    def _check_secret_keys(self, call: Call, caller: Principal) -> None:
        """Check the use of the customer's own keys that secrets are encrypted with."""
        if call.service != "secretsmanager" or call.name not in _KEY_ACTIONS:
            return
        for resource in resources(call, self._backends):
            secret = self._backends.secrets.secrets.get(resource)
            held = secret.kms_key_id if isinstance(secret, FakeSecret) else None
            key_id = str(call.parameters.get("KmsKeyId") or held or "alias/aws/secretsmanager")
            if key_id.rpartition(":")[2].startswith("alias/aws/"):
                continue  # AWS's own key serves every principal of the account.
            context: dict[str, str | None] = {
                "kms:viaservice": f"secretsmanager.{self._backends.region}.amazonaws.com",
                "kms:calleraccount": self._backends.account,
                "kms:encryptioncontext:secretarn": resource,
            }
            arn = key_arn(key_id, self._backends)
            for action in _KEY_ACTIONS[call.name]:
                self._require(caller, action, arn, context)
            key = find_key(arn, self._backends)
            if key and key.key_state != "Enabled":
                failure, done = _KEY_FAILURES[_KEY_ACTIONS[call.name][0]]
                raise AwsError(
                    failure,
                    f"Secrets Manager can't {done} the protected secret text using the provided "
                    f"KMS key: {arn} is {key.key_state}.",
                )

    def _check_objects(self, call: Call, caller: Principal) -> None:
        """Check what S3 asks for beyond the operation's own action."""
        if call.service != "s3":
            return
        if source := buckets.copied(call):
            self._require(caller, "s3:GetObject", source, buckets.context({}))
        if listed := buckets.hidden(call, self._backends):
            by_name = buckets.context({"Prefix": call.parameters["Key"]})
            self._require(caller, "s3:ListBucket", listed, by_name)
        key_id, actions = buckets.key_used(call, self._backends)
        if not key_id:
            return
        encryption: dict[str, str | None] = {
            "kms:viaservice": f"s3.{self._backends.region}.amazonaws.com",
            "kms:calleraccount": self._backends.account,
            "kms:encryptioncontext:aws:s3:arn": buckets.encryption_context(call, self._backends),
        }
        for action in actions:
            self._require(caller, action, key_arn(key_id, self._backends), encryption)

    def _call_context(self, call: Call) -> dict[str, str | None]:
        """The condition keys of the call's own service."""
        given = call.parameters
        if call.service == "secretsmanager":
            return {
                "secretsmanager:secretid": resources(call, self._backends)[0],
                "secretsmanager:name": given.get("Name"),
                "secretsmanager:versionid": given.get("VersionId"),
                "secretsmanager:versionstage": given.get("VersionStage") or "AWSCURRENT",
            }
        if call.service == "s3":
            return buckets.context(given)
        if call.service == "kms":
            encryption = given.get("EncryptionContext") or {}
            return {
                "kms:viaservice": None,
                "kms:calleraccount": self._backends.account,
                **{f"kms:encryptioncontext:{key.lower()}": encryption[key] for key in encryption},
            }
        return {}


def function_policy(arn: str, backends: Backends) -> Policy | None:
    """The resource policy of a function; None if there is no such function, or it has none."""
    name = arn.split(":")[6]
    known = {one.function_name: one for one in backends.functions.list_functions()}
    statements = known[name].policy.statements if name in known else []
    # moto keeps some principals as bare text.
    read = [
        {**one, "Principal": {"AWS": one["Principal"]}}
        if isinstance(one["Principal"], str) and one["Principal"] != "*"
        else one
        for one in statements
    ]
    if not read:
        return None
    return Policy(f"resource policy of function {name}", json.dumps({"Statement": read}))
