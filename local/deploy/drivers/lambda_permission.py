"""Lambda: who else may invoke a function, as statements of its resource policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, pick
from local.deploy.drivers.base import Driver, Made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


class Permission(Driver):
    """One statement. One that a killed run left is taken away first."""

    parameters: ClassVar[Mapping[str, str]] = {
        "action": "Action",
        "function": "FunctionName",
        "principal": "Principal",
        "sourceAccount": "SourceAccount",
        "sourceArn": "SourceArn",
        "statementId": "StatementId",
    }
    inputs = frozenset(parameters)
    replace = inputs
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        # Statements of two functions may have the same name.
        made = Made(id=f"{inputs['function']}/{inputs['statementId']}")
        self.delete(target, made, inputs)
        target.aws("lambda").add_permission(**pick(inputs, self.parameters))
        return made

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("lambda").remove_permission(
                FunctionName=inputs["function"], StatementId=inputs["statementId"]
            )
