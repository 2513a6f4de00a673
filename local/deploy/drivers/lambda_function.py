"""Lambda: functions from a zip file, and invocations as part of a deployment."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import existing, gone_is_fine, pick, removed_tags, tags
from local.deploy.drivers.base import Driver, DriverError, Made, changed
from local.deploy.files import content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties

LATEST = "$LATEST"


class Function(Driver):
    """A Lambda function. Names are unique: what a killed run created is found by it."""

    configuration: ClassVar[Mapping[str, str]] = {
        "deadLetterConfig": "DeadLetterConfig",
        "description": "Description",
        "environment": "Environment",
        "ephemeralStorage": "EphemeralStorage",
        "handler": "Handler",
        "kmsKeyArn": "KMSKeyArn",
        "layers": "Layers",
        "loggingConfig": "LoggingConfig",
        "memorySize": "MemorySize",
        "role": "Role",
        "runtime": "Runtime",
        "timeout": "Timeout",
        "tracingConfig": "TracingConfig",
        "vpcConfig": "VpcConfig",
    }
    """Taken by creating and by updating the configuration."""
    fixed: ClassVar[Mapping[str, str]] = {
        "architectures": "Architectures",
        "name": "FunctionName",
        "packageType": "PackageType",
        "publish": "Publish",
    }
    nested: ClassVar[Mapping[str, str]] = {
        "applicationLogLevel": "ApplicationLogLevel",
        "logFormat": "LogFormat",
        "logGroup": "LogGroup",
        "mode": "Mode",
        "securityGroupIds": "SecurityGroupIds",
        "size": "Size",
        "subnetIds": "SubnetIds",
        "systemLogLevel": "SystemLogLevel",
        "targetArn": "TargetArn",
        "variables": "Variables",
    }
    """Keys inside the objects of `configuration`."""
    inputs = frozenset({*configuration, *fixed, "code", "reservedConcurrentExecutions", "tags"})
    ignored: ClassVar[Mapping[str, str]] = {
        "replaceSecurityGroupsOnDestroy": "the account frees network interfaces at once",
        "replacementSecurityGroupIds": "the account frees network interfaces at once",
        "skipDestroy": "only layers and versions of a function could be kept",
        "sourceCodeHash": "the content of `code` is compared itself",
    }
    replace = frozenset({"name", "packageType"})
    volatile = frozenset({"codeSha256", "lastModified", "sourceCodeHash", "version"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = existing(target.aws("lambda").get_function, FunctionName=inputs["name"])
        return self._made(target, found["Configuration"]) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        function = target.aws("lambda").create_function(
            **pick(inputs, self.fixed),
            **self._configuration(inputs),
            Code={"ZipFile": content(target.root, inputs["code"])},
            Tags=tags(inputs),
        )
        self._wait(target, "function_active_v2", inputs["name"])
        self._reserve(target, {}, inputs)
        return self._made(target, function)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        client, name = target.aws("lambda"), made.id
        if changed(old, new, "code", "architectures"):
            client.update_function_code(
                FunctionName=name,
                ZipFile=content(target.root, new["code"]),
                **pick(new, {"architectures": "Architectures", "publish": "Publish"}),
            )
            self._wait(target, "function_updated_v2", name)
        if changed(old, new, *self.configuration):
            client.update_function_configuration(FunctionName=name, **self._configuration(new))
            self._wait(target, "function_updated_v2", name)
        self._reserve(target, old, new)
        if changed(old, new, "tagsAll"):
            arn = made.outputs["arn"]
            if gone := removed_tags(old, new):
                client.untag_resource(Resource=arn, TagKeys=gone)
            client.tag_resource(Resource=arn, Tags=tags(new))
        function = client.get_function(FunctionName=name)["Configuration"]
        return self._made(target, function)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("lambda").delete_function(FunctionName=made.id)

    def _configuration(self, inputs: Properties) -> dict[str, Any]:
        given = pick(inputs, self.configuration)
        return {
            key: pick(value, self.nested) if isinstance(value, dict) else value
            for key, value in given.items()
        }

    def _reserve(self, target: Target, old: Properties, new: Properties) -> None:
        key = "reservedConcurrentExecutions"
        # -1 is the program's word for "not reserved".
        before, after = old.get(key, -1), new.get(key, -1)
        if before == after:
            return
        client = target.aws("lambda")
        if after == -1:
            client.delete_function_concurrency(FunctionName=new["name"])
        else:
            client.put_function_concurrency(
                FunctionName=new["name"], ReservedConcurrentExecutions=after
            )

    def _wait(self, target: Target, state: str, name: str) -> None:
        target.aws("lambda").get_waiter(state).wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
        )

    def _made(self, target: Target, function: dict[str, Any]) -> Made:
        arn = function["FunctionArn"]
        service = f"arn:aws:apigateway:{target.region}:lambda:path/2015-03-31/functions"
        outputs = {
            "arn": arn,
            "codeSha256": function["CodeSha256"],
            "invokeArn": f"{service}/{arn}/invocations",
            "lastModified": function["LastModified"],
            "sourceCodeHash": function["CodeSha256"],
            "version": function["Version"],
        }
        return Made(id=function["FunctionName"], outputs=outputs)


class Invocation(Driver):
    """One call of a function: made when it is created, and again when what it says changes.

    What it calls has to bear being called again: a killed run does not know whether it was.
    """

    inputs = frozenset({"functionName", "input", "lifecycleScope", "qualifier", "triggers"})
    ignored: ClassVar[Mapping[str, str]] = {
        "terraformKey": "only lifecycle CRUD has it, which is refused"
    }
    replace = frozenset({"functionName", "input", "qualifier", "triggers"})
    volatile = frozenset({"result"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        if inputs.get("lifecycleScope", "CREATE_ONLY") != "CREATE_ONLY":
            raise DriverError("lifecycleScope CRUD is not supported here: use CREATE_ONLY")
        name, qualifier = inputs["functionName"], inputs.get("qualifier", LATEST)
        answer = target.aws("lambda").invoke(
            FunctionName=name, Qualifier=qualifier, Payload=inputs["input"].encode()
        )
        result = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise DriverError(f"{name} failed: {_error(result)}")
        digest = hashlib.sha256(inputs["input"].encode()).hexdigest()[:32]
        return Made(id=f"{name},{qualifier},{digest}", outputs={"result": result})

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        """A call that was made cannot be taken back."""


def _error(result: str) -> str:
    """Return what the function itself said, without its stack trace."""
    try:
        return str(json.loads(result)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return result[:500]
