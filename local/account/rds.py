"""RDS's store with instances that really exist: moto keeps the books, `instances` does the work.

What a call asks for becomes an instance's status (`creating`, `modifying`, ...), and whoever
carries it out goes by that status alone, so nothing that was promised is lost with the process.
There is no maintenance window here: what waits for it on AWS is done at once. Snapshots are
recorded, not taken; Aurora, replicas and restores are not served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.rds.exceptions import (
    DBSubnetGroupNotFoundError,
    InvalidParameterCombination,
    RDSClientError,
)
from moto.rds.models import RDSBackend

from local.account.backends import ExtendsMoto
from local.account.database_instance import Instance
from local.account.parameters import described, engine_version
from local.account.postgres import InstanceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moto.ec2.models.subnets import Subnet
    from moto.rds.models import DBInstance, DBParameterGroup, DBSubnetGroup


_OF_SUBSCRIPTIONS = {
    "Enabled": "enabled",
    "EventCategories": "event_categories",
    "SnsTopicArn": "sns_topic_arn",
    "SourceType": "source_type",
}


class Databases(ExtendsMoto, RDSBackend):
    """Instances and parameter groups; each change leaves a status that says what is to be done.

    Attributes:
        endpoint_address: the loopback address of all endpoints, set when the process starts.
    """

    endpoint_address: str | None = None

    def instance(self, identifier: str) -> Instance:
        """Find an instance by its identifier or ARN; moto's error when there is none."""
        found = self.describe_db_instances(identifier)[0]
        if not isinstance(found, Instance):
            raise InvalidParameterCombination("Aurora is not served by this account.")
        return found

    def create_db_instance(self, db_kwargs: dict[str, Any]) -> DBInstance:
        """Make an instance of an engine that this machine has; it is `creating` at first."""
        if db_kwargs.get("engine") != "postgres":
            raise InvalidParameterCombination("Only the engine postgres is served here.")
        try:
            version = engine_version(str(db_kwargs.get("engine_version") or ""))
        except InstanceError as error:
            raise InvalidParameterCombination(str(error)) from None
        if not db_kwargs.get("master_username"):
            raise InvalidParameterCombination("MasterUsername has to be given.")
        if bool(db_kwargs.get("manage_master_user_password")) == bool(
            db_kwargs.get("master_user_password")
        ):
            raise InvalidParameterCombination(
                "Give either MasterUserPassword or ManageMasterUserPassword."
            )
        db_kwargs["engine_version"] = version
        return super().create_db_instance(db_kwargs)

    def modify_db_instance(
        self, db_instance_identifier: str, db_kwargs: dict[str, Any]
    ) -> DBInstance:
        """Change an instance; it is `modifying` until the server has taken it."""
        instance = self._available(db_instance_identifier)
        if version := db_kwargs.get("engine_version"):
            if str(version).partition(".")[0] != instance.engine_version.partition(".")[0]:
                raise InvalidParameterCombination(
                    "The major version of an instance cannot be changed on this machine."
                )
            db_kwargs["engine_version"] = instance.engine_version
        if db_kwargs.get("new_db_instance_identifier"):
            raise InvalidParameterCombination("An instance cannot be renamed on this machine.")
        had_password = instance.password()
        super().modify_db_instance(db_instance_identifier, db_kwargs)
        instance.echo(db_kwargs)
        instance.password_changed |= instance.password() != had_password
        instance.status = "modifying"
        return instance

    def reboot_db_instance(self, db_instance_identifier: str) -> DBInstance:
        """Restart the server, which then takes the whole parameter group."""
        return self._become("rebooting", self._available(db_instance_identifier))

    def stop_db_instance(
        self, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> DBInstance:
        """Stop the server, keeping its data."""
        instance = self._available(db_instance_identifier)
        if db_snapshot_identifier:
            self.create_db_snapshot(db_instance_identifier, db_snapshot_identifier)
        return self._become("stopping", instance)

    def start_db_instance(self, db_instance_identifier: str) -> DBInstance:
        """Start a server that was stopped."""
        instance = self.instance(db_instance_identifier)
        if instance.status != "stopped":
            raise _wrong_state(instance)
        return self._become("starting", instance)

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,  # noqa: FBT001, FBT002 - moto's signature
        delete_automated_backups: bool | None = True,  # noqa: FBT001, FBT002 - moto's signature
    ) -> DBInstance:
        """Begin to delete an instance that is not protected; it is `deleting` until it is gone."""
        instance = self.instance(db_instance_identifier)
        if instance.status == "deleting":
            raise _wrong_state(instance)
        if instance.deletion_protection:
            raise InvalidParameterCombination(
                "Cannot delete protected DB Instance, please disable deletion protection and try "
                "again."
            )
        if bool(skip_final_snapshot) == bool(final_db_snapshot_identifier):
            raise InvalidParameterCombination(
                "Give FinalDBSnapshotIdentifier, or SkipFinalSnapshot to have none."
            )
        if final_db_snapshot_identifier:
            self.create_db_snapshot(db_instance_identifier, final_db_snapshot_identifier)
        instance.final = {"delete_automated_backups": delete_automated_backups}
        return self._become("deleting", instance)

    def forget(self, instance: Instance) -> None:
        """Take an instance out of the books, after its server and data are gone."""
        super().delete_db_instance(
            instance.db_instance_identifier, None, skip_final_snapshot=True, **instance.final
        )

    def modify_db_parameter_group(
        self,
        db_parameter_group_name: str,
        db_parameter_group_parameters: Iterable[dict[str, Any]],
    ) -> DBParameterGroup:
        """Change parameters; instances take those that need no reboot."""
        group = self.db_parameter_groups.get(db_parameter_group_name)
        family = (group.family if group else None) or ""
        changed = super().modify_db_parameter_group(
            db_parameter_group_name, described(family, db_parameter_group_parameters)
        )
        self._apply(changed)
        return changed

    def reset_db_parameter_group(
        self, name: str, parameters: Iterable[Mapping[str, Any]], *, everything: bool
    ) -> DBParameterGroup:
        """Take parameters out of a group, so that the engine's defaults count again."""
        if name not in self.db_parameter_groups:
            raise RDSClientError("DBParameterGroupNotFound", f"DBParameterGroup {name} not found.")
        group = self.db_parameter_groups[name]
        names = [*group.parameters] if everything else [one["ParameterName"] for one in parameters]
        for one in names:
            group.parameters.pop(one, None)
        self._apply(group)
        return group

    def delete_db_parameter_group(self, db_parameter_group_name: str) -> DBParameterGroup:
        """Delete a group that no instance uses; moto deletes it under an instance."""
        if self._users(db_parameter_group_name):
            raise RDSClientError(
                "InvalidDBParameterGroupState",
                f"One or more database instances are still members of {db_parameter_group_name}.",
            )
        return super().delete_db_parameter_group(db_parameter_group_name)

    def modify_db_subnet_group(
        self, subnet_name: str, description: str, subnets: list[Subnet]
    ) -> DBSubnetGroup:
        """Change a subnet group, and keep it; moto takes it out of the books."""
        if subnet_name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(subnet_name)
        group = super().modify_db_subnet_group(subnet_name, description, subnets)
        self.subnet_groups[subnet_name] = group
        return group

    def change_event_subscription(self, operation: str, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401 - moto's
        """Carry out an operation that changes an event subscription; moto has none of them."""
        (found,) = self.describe_event_subscriptions(str(parameters["SubscriptionName"]))
        source = parameters.get("SourceIdentifier")
        if operation == "AddSourceIdentifierToSubscription":
            found.source_ids = [*found.source_ids, source]
        elif operation == "RemoveSourceIdentifierFromSubscription":
            found.source_ids = [one for one in found.source_ids if one != source]
        else:
            for name, attribute in _OF_SUBSCRIPTIONS.items():
                setattr(found, attribute, parameters.get(name, getattr(found, attribute)))
        return found

    def _users(self, group: str) -> list[Instance]:
        return [
            one
            for one in self.databases.values()
            if isinstance(one, Instance) and one.group.name == group.lower()
        ]

    def _apply(self, group: DBParameterGroup) -> None:
        for instance in self._users(group.name):
            instance.parameters_wanted += 1

    def _available(self, identifier: str) -> Instance:
        instance = self.instance(identifier)
        if instance.status not in {"available", "incompatible-parameters"}:
            raise _wrong_state(instance)
        return instance

    @staticmethod
    def _become(status: str, instance: Instance) -> Instance:
        instance.status = status
        instance.failure = None
        return instance


def _wrong_state(instance: Instance) -> RDSClientError:
    return RDSClientError(
        "InvalidDBInstanceState",
        f"Instance {instance.db_instance_identifier} is {instance.status}: "
        "wait until it is available.",
    )
