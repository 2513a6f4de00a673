"""RDS: subnet groups, parameter groups and event subscriptions; instances are in `rds_instance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, listed, pick, removed_tags, tag_list
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.deploy.target import Target
    from local.deploy.wire import Properties

# ModifyDBParameterGroup and ResetDBParameterGroup take this many parameters at once.
PARAMETERS_AT_ONCE = 20


class SubnetGroup(Driver):
    """A DB subnet group. Names are unique: what a killed run created is found by it."""

    inputs = frozenset({"name", "description", "subnetIds", "tags"})
    replace = frozenset({"name"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        describe = target.aws("rds").describe_db_subnet_groups
        found = listed(describe, "DBSubnetGroups", DBSubnetGroupName=inputs["name"])
        return self._made(found) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        group = target.aws("rds").create_db_subnet_group(
            **self._content(inputs), Tags=tag_list(inputs)
        )
        return self._made(group["DBSubnetGroup"])

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        if changed(old, new, "description", "subnetIds"):
            target.aws("rds").modify_db_subnet_group(**self._content(new))
        retag(target, made, old, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("rds").delete_db_subnet_group(DBSubnetGroupName=made.id)

    def _content(self, inputs: Properties) -> dict[str, Any]:
        return {
            "DBSubnetGroupName": inputs["name"],
            "DBSubnetGroupDescription": inputs["description"],
            "SubnetIds": inputs["subnetIds"],
        }

    def _made(self, group: dict[str, Any]) -> Made:
        outputs = {"arn": group["DBSubnetGroupArn"], "vpcId": group["VpcId"]}
        return Made(id=group["DBSubnetGroupName"], outputs=outputs)


class ParameterGroup(Driver):
    """A DB parameter group. Names are unique: what a killed run created is found by it."""

    inputs = frozenset({"name", "family", "description", "parameters", "tags"})
    replace = frozenset({"name", "family", "description"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        describe = target.aws("rds").describe_db_parameter_groups
        found = listed(describe, "DBParameterGroups", DBParameterGroupName=inputs["name"])
        return self._made(found) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        group = target.aws("rds").create_db_parameter_group(
            DBParameterGroupName=inputs["name"],
            DBParameterGroupFamily=inputs["family"],
            Description=inputs["description"],
            Tags=tag_list(inputs),
        )["DBParameterGroup"]
        self._set(target, inputs["name"], _parameters(inputs))
        return self._made(group)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        before = {parameter["ParameterName"]: parameter for parameter in _parameters(old)}
        after = _parameters(new)
        self._set(
            target, made.id, [one for one in after if one != before.get(one["ParameterName"])]
        )
        dropped = sorted(set(before) - {parameter["ParameterName"] for parameter in after})
        for some in _portions([before[name] for name in dropped]):
            names = ("ParameterName", "ApplyMethod")
            target.aws("rds").reset_db_parameter_group(
                DBParameterGroupName=made.id,
                Parameters=[{name: parameter[name] for name in names} for parameter in some],
            )
        retag(target, made, old, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("rds").delete_db_parameter_group(DBParameterGroupName=made.id)

    def _set(self, target: Target, group: str, parameters: list[dict[str, str]]) -> None:
        for some in _portions(parameters):
            target.aws("rds").modify_db_parameter_group(DBParameterGroupName=group, Parameters=some)

    def _made(self, group: dict[str, Any]) -> Made:
        outputs = {"arn": group["DBParameterGroupArn"]}
        return Made(id=group["DBParameterGroupName"], outputs=outputs)


class EventSubscription(Driver):
    """An event subscription. Names are unique: what a killed run created is found by it."""

    inputs = frozenset(
        {"name", "enabled", "eventCategories", "snsTopic", "sourceIds", "sourceType", "tags"}
    )
    replace = frozenset({"name"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        describe = target.aws("rds").describe_event_subscriptions
        found = listed(describe, "EventSubscriptionsList", SubscriptionName=inputs["name"])
        return self._made(found) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        made = target.aws("rds").create_event_subscription(
            **self._content(inputs),
            **pick(inputs, {"sourceIds": "SourceIds"}),
            Tags=tag_list(inputs),
        )
        return self._made(made["EventSubscription"])

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        rds = target.aws("rds")
        if changed(old, new, "enabled", "eventCategories", "snsTopic", "sourceType"):
            rds.modify_event_subscription(**self._content(new))
        before, after = set(old.get("sourceIds") or ()), set(new.get("sourceIds") or ())
        for source in sorted(before - after):
            rds.remove_source_identifier_from_subscription(
                SubscriptionName=made.id, SourceIdentifier=source
            )
        for source in sorted(after - before):
            rds.add_source_identifier_to_subscription(
                SubscriptionName=made.id, SourceIdentifier=source
            )
        retag(target, made, old, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("rds").delete_event_subscription(SubscriptionName=made.id)

    def _content(self, inputs: Properties) -> dict[str, Any]:
        names = {
            "eventCategories": "EventCategories",
            "name": "SubscriptionName",
            "snsTopic": "SnsTopicArn",
            "sourceType": "SourceType",
        }
        return {**pick(inputs, names), "Enabled": inputs.get("enabled", True)}

    def _made(self, subscription: dict[str, Any]) -> Made:
        outputs = {
            "arn": subscription["EventSubscriptionArn"],
            "customerAwsId": subscription.get("CustomerAwsId"),
        }
        return Made(id=subscription["CustSubscriptionId"], outputs=outputs)


def retag(target: Target, made: Made, old: Properties, new: Properties) -> None:
    """Bring the tags of an RDS resource in line."""
    if changed(old, new, "tagsAll"):
        rds, arn = target.aws("rds"), made.outputs["arn"]
        if gone := removed_tags(old, new):
            rds.remove_tags_from_resource(ResourceName=arn, TagKeys=gone)
        if tags := tag_list(new):
            rds.add_tags_to_resource(ResourceName=arn, Tags=tags)


def _parameters(inputs: Properties) -> list[dict[str, str]]:
    return [
        {
            "ParameterName": parameter["name"],
            "ParameterValue": str(parameter["value"]),
            "ApplyMethod": parameter.get("applyMethod", "immediate"),
        }
        for parameter in inputs.get("parameters") or ()
    ]


def _portions(parameters: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    for start in range(0, len(parameters), PARAMETERS_AT_ONCE):
        yield parameters[start : start + PARAMETERS_AT_ONCE]
