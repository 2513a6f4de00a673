"""A database instance in RDS's books: moto's, with an identity, a password and settings of its own.

What a call asks for is kept here as the status and a few marks; `instances` carries it out.
"""

from __future__ import annotations

import copy
import json
import secrets
import string
import uuid
from typing import TYPE_CHECKING, Any

from moto.rds.models import DBInstance, DBParameterGroup, MasterUserSecret
from moto.secretsmanager.models import FakeSecret

from local.account.parameters import in_force
from local.account.postgres import InstanceSpec
from local.account.secrets import current_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.rds.models import RDSBackend

_RESOURCE_ID_ALPHABET = string.ascii_uppercase + "234567"
# RDS excludes / @ " and space from passwords that it makes; the other quotes are left out too.
_PASSWORD_ALPHABET = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"
_PASSWORD_LENGTH = 28
# Given under these names, described under others that moto does not set.
_ECHOED = {
    "enable_performance_insights": "performance_insights_enabled",
    "performance_insights_retention_period": "performance_insights_retention_period",
    "performance_insights_kms_key_id": "performance_insights_kms_key_id",
    "db_port_number": "port",
}


class ManagedSecret(MasterUserSecret):
    """The secret that RDS keeps the master user's password in; moto's holds a constant."""

    def rotate_secret(self) -> None:
        """Make a new password the current one."""
        self.secretsmanager.update_secret(
            self.secret.arn,
            secret_string=self._generate_secret_string(),
            client_request_token=str(uuid.uuid4()),
        )

    def password(self) -> str:
        """The master user's current password."""
        if not isinstance(self.secret, FakeSecret):
            raise TypeError("A managed secret is never a replica.")
        return str(json.loads(current_text(self.secret))["password"])

    def _generate_secret_string(self) -> str:
        password = "".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(_PASSWORD_LENGTH))
        return json.dumps({"username": self.resource.master_username, "password": password})


class Instance(DBInstance):
    """A database instance.

    Attributes:
        password_changed: the master user's password is still to be set in the server.
        parameters_wanted: counts the changes of its parameter group.
        parameters_applied: the count that the server has taken.
        at_last_boot: the parameters when the server was last started with all of them.
        group_at_last_boot: the parameter group then.
        waits_for_reboot: whether some parameter waits for one.
        failure: why the last change failed, one sentence, or None.
        final: how it is to be deleted, once that is asked for.
    """

    def __init__(
        self,
        backend: RDSBackend,
        **kwargs: Any,  # noqa: ANN401 - the input of CreateDBInstance, handed on to moto
    ) -> None:
        super().__init__(backend, **kwargs)
        # moto has one constant for all instances: policies could not tell them apart.
        self.dbi_resource_id = "db-" + "".join(
            secrets.choice(_RESOURCE_ID_ALPHABET) for _ in range(26)
        )
        self.status = "creating"
        self.password_changed = False
        self.parameters_wanted = self.parameters_applied = 0
        self.failure: str | None = None
        self.final: dict[str, Any] = {}
        self.waits_for_reboot = False
        self.boot()
        self.echo(kwargs)

    @property
    def address(self) -> str:
        """Where its endpoint listens."""
        return getattr(self.backend, "endpoint_address", None) or super().address

    @property
    def parameters_changed(self) -> bool:
        """Whether its parameter group is still to be applied."""
        return self.parameters_wanted != self.parameters_applied

    @property
    def group(self) -> DBParameterGroup:
        """Its parameter group."""
        return self.db_parameter_groups()[0]

    @property
    def status_infos(self) -> list[dict[str, Any]]:
        """Why the last change failed; RDS has no better place for a sentence."""
        if self.failure is None:
            return []
        return [{"StatusType": "error", "Normal": False, "Message": self.failure}]

    @property
    def db_parameter_group_status_list(self) -> list[DBParameterGroup]:
        """Its parameter group and how far it is applied; moto always says `in-sync`."""
        group = copy.copy(self.group)
        waits = self.waits_for_reboot or self.group.name != self.group_at_last_boot
        status = "applying" if self.parameters_changed else "in-sync"
        group.ParameterApplyStatus = "pending-reboot" if waits else status  # type: ignore[attr-defined] # moto sets it so too
        return [group]

    def boot(self) -> None:
        """Note that the server starts with its whole parameter group."""
        self.group_at_last_boot = self.group.name
        self.at_last_boot = _values(self.group)
        self.waits_for_reboot = False

    def echo(self, given: Mapping[str, Any]) -> None:
        """Keep what moto does not."""
        for name, attribute in _ECHOED.items():
            if given.get(name) is not None:
                setattr(self, attribute, given[name])

    def password(self) -> str:
        """The master user's password."""
        if self.manage_master_user_password:
            secret = self.master_user_secret
            return secret.password() if isinstance(secret, ManagedSecret) else ""
        return self._master_user_password or ""

    def parameters(self) -> dict[str, str]:
        """The parameters that count until the next reboot."""
        if self.group.name != self.group_at_last_boot:
            return dict(self.at_last_boot)
        return in_force(self.group.parameters, self.at_last_boot)

    def has_whole_group(self) -> bool:
        """Whether all values of its parameter group count."""
        return self.parameters() == _values(self.group)

    def spec(self) -> InstanceSpec:
        """What the data plane has to know."""
        return InstanceSpec(
            identifier=self.db_instance_identifier,
            resource_id=self.dbi_resource_id,
            major=int(self.engine_version.partition(".")[0]),
            port=self.port or 0,
            master_username=self.master_username or "",
            parameters=self.parameters(),
            iam_enabled=bool(self.enable_iam_database_authentication),
            database=self.db_name,
            region=self.region,
            account=self.account_id,
        )


def _values(group: DBParameterGroup) -> dict[str, str]:
    return {
        name: parameter["ParameterValue"]
        for name, parameter in group.parameters.items()
        if "ParameterValue" in parameter
    }
