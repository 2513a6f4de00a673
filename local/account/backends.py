"""moto's stores of this one account in its one region, under the names AWS has for them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import lambda_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models import ec2_backends
from moto.eks.models import eks_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaBackend
    from moto.core.base_backend import BackendDict
    from moto.ec2.models import EC2Backend
    from moto.eks.models import EKSBackend
    from moto.iam.models import IAMBackend
    from moto.kms.models import KmsBackend
    from moto.logs.models import LogsBackend
    from moto.rds.models import RDSBackend
    from moto.s3.models import FakeBucket
    from moto.secretsmanager.models import SecretsManagerBackend
    from moto.sns.models import SNSBackend

# IAM and S3 are one store per partition, not per region.
PARTITION = "aws"

# Everything that outlives the process, by moto's name of the service.
STORES: dict[str, BackendDict[Any]] = {
    "awslambda": lambda_backends,
    "cloudwatch": cloudwatch_backends,
    "ec2": ec2_backends,
    "eks": eks_backends,
    "events": events_backends,
    "iam": iam_backends,
    "kms": kms_backends,
    "logs": logs_backends,
    "rds": rds_backends,
    "s3": s3_backends,
    "secretsmanager": secretsmanager_backends,
    "sns": sns_backends,
    "sqs": sqs_backends,
}


class ExtendsMoto:
    """Goes before a store of moto's in the bases: moto finds a store's URLs by its module."""

    @property
    def _url_module(self) -> ModuleType:
        own = next(one for one in type(self).__mro__ if one.__module__.startswith("moto."))
        return importlib.import_module(own.__module__.removesuffix("models") + "urls")


@dataclass(frozen=True)
class Backends:
    """The stores of `account` in `region`; the caller holds the account's lock."""

    account: str
    region: str

    @property
    def buckets(self) -> dict[str, FakeBucket]:
        """S3's buckets by name."""
        return s3_backends[self.account][PARTITION].buckets

    @property
    def ec2(self) -> EC2Backend:
        """VPCs, subnets, security groups."""
        return ec2_backends[self.account][self.region]

    @property
    def eks(self) -> EKSBackend:
        """Clusters."""
        return eks_backends[self.account][self.region]

    @property
    def functions(self) -> LambdaBackend:
        """Lambda functions."""
        return lambda_backends[self.account][self.region]

    @property
    def iam(self) -> IAMBackend:
        """Users, roles, policies, identity providers."""
        return iam_backends[self.account][PARTITION]

    @property
    def kms(self) -> KmsBackend:
        """Keys and their policies."""
        return kms_backends[self.account][self.region]

    @property
    def logs(self) -> LogsBackend:
        """Log groups."""
        return logs_backends[self.account][self.region]

    @property
    def rds(self) -> RDSBackend:
        """Database instances and what belongs to them."""
        return rds_backends[self.account][self.region]

    @property
    def secrets(self) -> SecretsManagerBackend:
        """Secrets."""
        return secretsmanager_backends[self.account][self.region]

    @property
    def topics(self) -> SNSBackend:
        """SNS topics."""
        return sns_backends[self.account][self.region]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{resource}"
