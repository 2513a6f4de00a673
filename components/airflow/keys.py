"""Airflow's own keys, as secrets that nobody writes down: a function puts a first value into each.

The program never reads or writes a value, and no `up` replaces one. Whoever wants another key
invokes the function for each step of a rotation: docs/rotation-keys.md. What the function does is
in `lambdas/airflow_keys`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pulumi_aws as aws
from pulumi import ComponentResource, FileArchive, Input, Output, Resource, ResourceOptions

from components import iam_documents, key_documents, naming
from components.airflow.configuration import WEB_TOKEN_SECONDS
from components.airflow.deployment_args import KEYS
from components.encryption import encryption_key
from components.rendering import rendered

RUNTIME = "python3.13"
HANDLER = "lambdas.airflow_keys.handler.handle"
TIMEOUT_SECONDS = 60
"""A few requests to Secrets Manager, with retries."""
MEMORY_MIB = 256
OVERLAP_SECONDS = WEB_TOKEN_SECONDS + 3600
"""How long the former jwt key is accepted beside the new one: as long as what it signed is valid,
and an hour for pods that still sign with it while they are restarted."""
RECOVERY_DAYS_PROTECTED = 30
"""The longest that Secrets Manager keeps what is deleted; until then its name is taken."""


class KeySecret(NamedTuple):
    """The secret of one key."""

    name: Output[str]
    arn: Output[str]


@dataclass(frozen=True, kw_only=True)
class AirflowKeysArgs:
    """Whose keys, and where the function is that makes them.

    Raises:
        ValueError: there is no environment.
    """

    prefix: str
    """First words of all physical names, before the component's own name."""
    region: str
    account: str
    environments: tuple[str, ...]
    package: str
    """Path of the function's zip file."""
    log_retention_days: int
    protected: bool
    """Whether the secrets are hard to delete."""

    def __post_init__(self) -> None:
        if not self.environments:
            raise ValueError("environments is empty; keys are an environment's; name one")


class AirflowKeys(ComponentResource):
    """Three secrets for each environment, and the function that gives them their values."""

    key_arn: Output[str]
    """KMS key that the secrets are encrypted with."""

    def __init__(
        self, name: str, args: AirflowKeysArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:AirflowKeys", name, None, opts)
        self._args = args
        self._function_name = naming.lambda_name(args.prefix, name)
        self._child = ResourceOptions(parent=self)
        self._key = self._encryption_key()
        self._secrets = {
            environment: {key: self._secret(environment, key) for key in KEYS}
            for environment in args.environments
        }
        function = self._function()
        for environment in args.environments:
            self._fill(environment, function)

        self.key_arn = self._key.arn
        self.register_outputs({"key_arn": self.key_arn})

    def secrets(self, environment: str) -> Mapping[str, KeySecret]:
        """The secrets of an environment: `fernet`, `jwt` and `api`.

        Raises:
            ValueError: the environment is none of this component's.
        """
        if environment not in self._secrets:
            raise ValueError(
                f"environment {environment!r} has no keys here; there are: "
                f"{', '.join(self._secrets)}"
            )
        return {
            key: KeySecret(name=secret.name, arn=secret.arn)
            for key, secret in self._secrets[environment].items()
        }

    def read_policy(self, environment: str, key: str) -> Output[str]:
        """IAM policy, as JSON, to read exactly one key of an environment."""
        return rendered(
            iam_documents.read_secret,
            region=self._args.region,
            secret_arn=self.secrets(environment)[key].arn,
            key_arn=self._key.arn,
        )

    def _encryption_key(self) -> aws.kms.Key:
        args = self._args
        return encryption_key(
            self.pulumi_resource_name,
            prefix=args.prefix,
            key_policy=iam_documents.key_policy(
                region=args.region,
                account=args.account,
                log_groups=[naming.lambda_log_group(self._function_name)],
            ),
            protected=args.protected,
            opts=self._child,
        )

    def _secret(self, environment: str, key: str) -> aws.secretsmanager.Secret:
        protected = self._args.protected
        return aws.secretsmanager.Secret(
            f"{self.pulumi_resource_name}-{environment}-{key}",
            name=naming.key_secret(environment, key),
            description=f"Airflow's {key} key in {environment}; its value is not the program's",
            kms_key_id=self._key.arn,
            recovery_window_in_days=RECOVERY_DAYS_PROTECTED if protected else 0,
            # Without the fernet key, connections and variables in the database are unreadable.
            opts=ResourceOptions(parent=self, protect=protected),
        )

    def _function(self) -> aws.lambda_.Function:
        args, name = self._args, self.pulumi_resource_name
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-function",
            name=naming.lambda_log_group(self._function_name),
            retention_in_days=args.log_retention_days,
            kms_key_id=self._key.arn,
            opts=self._child,
        )
        role = self._role()
        return aws.lambda_.Function(
            f"{name}-function",
            name=self._function_name,
            description="Gives Airflow's keys a first value where there is none, and rotates them",
            role=role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler=HANDLER,
            code=FileArchive(args.package),
            timeout=TIMEOUT_SECONDS,
            memory_size=MEMORY_MIB,
            environment=aws.lambda_.FunctionEnvironmentArgs(
                variables={"OVERLAP_SECONDS": str(OVERLAP_SECONDS)}
            ),
            opts=ResourceOptions(parent=self, depends_on=[*self._rights(role), log_group]),
        )

    def _role(self) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self.pulumi_resource_name}-function",
            name=naming.iam_role_name(self._function_name),
            description="Function that gives Airflow's keys their values",
            assume_role_policy=json.dumps(
                iam_documents.service_trust(service="lambda.amazonaws.com")
            ),
            opts=self._child,
        )

    def _rights(self, role: aws.iam.Role) -> Sequence[Resource]:
        args = self._args
        secrets = [secret.arn for each in self._secrets.values() for secret in each.values()]
        policies: Mapping[str, Input[str]] = {
            "write-log": json.dumps(
                iam_documents.write_log(
                    region=args.region,
                    account=args.account,
                    log_group=naming.lambda_log_group(self._function_name),
                )
            ),
            "put-keys": rendered(
                key_documents.keep_keys,
                region=args.region,
                secret_arns=secrets,
                key_arn=self._key.arn,
            ),
        }
        return [
            aws.iam.RolePolicy(
                f"{self.pulumi_resource_name}-function-{policy}",
                name=policy,
                role=role.name,
                policy=document,
                opts=self._child,
            )
            for policy, document in policies.items()
        ]

    def _fill(self, environment: str, function: aws.lambda_.Function) -> None:
        secrets = {key: secret.arn for key, secret in self.secrets(environment).items()}
        aws.lambda_.Invocation(
            f"{self.pulumi_resource_name}-{environment}",
            function_name=function.name,
            input=Output.json_dumps({"region": self._args.region, "secrets": secrets}),
            # Invoked at creation and when a secret is another one; never by a refresh.
            lifecycle_scope="CREATE_ONLY",
            opts=self._child,
        )
