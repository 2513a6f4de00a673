"""IAM's store, with AWS's managed policies when they are named and keys that cannot be guessed."""

from __future__ import annotations

import json
import secrets
import string
from typing import TYPE_CHECKING

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

from local.account.backends import ExtendsMoto

if TYPE_CHECKING:
    from moto.iam.models import AccessKey, ManagedPolicy

_AWS_POLICY = "arn:aws:iam::aws:policy/"
_KEY_ALPHABET = string.ascii_letters + string.digits + "+/"
_KEY_LENGTH = 40


class IdentityStore(ExtendsMoto, IAMBackend):
    """moto knows all of AWS's policies or none: all of them would be most of the snapshot."""

    def get_policy(self, policy_arn: str) -> ManagedPolicy:
        """A managed policy of this account or of AWS."""
        self._learn(policy_arn)
        return super().get_policy(policy_arn)

    def attach_role_policy(self, policy_arn: str, role_name: str) -> None:
        """Attach a managed policy to a role."""
        self._learn(policy_arn)
        super().attach_role_policy(policy_arn, role_name)

    def attach_user_policy(self, policy_arn: str, user_name: str) -> None:
        """Attach a managed policy to a user."""
        self._learn(policy_arn)
        super().attach_user_policy(policy_arn, user_name)

    def attach_group_policy(self, policy_arn: str, group_name: str) -> None:
        """Attach a managed policy to a group."""
        self._learn(policy_arn)
        super().attach_group_policy(policy_arn, group_name)

    def create_access_key(
        self, user_name: str, prefix: str = "AKIA", status: str = "Active"
    ) -> AccessKey:
        """Make an access key; moto's secret keys come from a generator that is not for secrets."""
        key = super().create_access_key(user_name, prefix, status)
        key.secret_access_key = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_LENGTH))
        return key

    def _learn(self, arn: str) -> None:
        if arn in self.managed_policies or not arn.startswith(_AWS_POLICY):
            return
        name = arn.rpartition("/")[2]
        data = json.loads(aws_managed_policies_data).get(name)
        if data and f"{_AWS_POLICY.removesuffix('/')}{data['Path']}{name}" == arn:
            self.managed_policies[arn] = AWSManagedPolicy.from_data(
                name, self.account_id, self.region_name, data
            )
