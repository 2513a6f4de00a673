"""EventBridge: rules of the default bus, and their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, pick, removed_tags, tag_list
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


class EventRule(Driver):
    """A rule. Putting it again is the same as putting it once."""

    parameters: ClassVar[Mapping[str, str]] = {
        "description": "Description",
        "eventPattern": "EventPattern",
        "name": "Name",
        "scheduleExpression": "ScheduleExpression",
        "state": "State",
    }
    inputs = frozenset({*parameters, "tags"})
    replace = frozenset({"name"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        events = target.aws("events")
        rule = events.put_rule(**pick(inputs, self.parameters), Tags=tag_list(inputs))
        return Made(id=inputs["name"], outputs={"arn": rule["RuleArn"]})

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        events = target.aws("events")
        events.put_rule(**pick(new, self.parameters))
        if changed(old, new, "tagsAll"):
            # Putting an existing rule leaves its tags alone.
            arn = made.outputs["arn"]
            if gone := removed_tags(old, new):
                events.untag_resource(ResourceARN=arn, TagKeys=gone)
            events.tag_resource(ResourceARN=arn, Tags=tag_list(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("events").delete_rule(Name=made.id)


class EventTarget(Driver):
    """What a rule calls. Putting it again is the same as putting it once."""

    inputs = frozenset({"arn", "input", "rule", "targetId"})
    replace = frozenset({"rule", "targetId"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        called = pick(inputs, {"arn": "Arn", "input": "Input", "targetId": "Id"})
        target.aws("events").put_targets(Rule=inputs["rule"], Targets=[called])
        return Made(id=f"{inputs['rule']}-{inputs['targetId']}")

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("events").remove_targets(Rule=inputs["rule"], Ids=[inputs["targetId"]])
