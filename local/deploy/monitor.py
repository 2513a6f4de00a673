"""The engine's side of Pulumi's protocol: requests of the SDK become `Registration`s.

It speaks the protocol and nothing else: no state, no cloud, no decision about what an operation
would be. Options that a handler cannot honour are named in `Options.unsupported`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from google.protobuf import empty_pb2, json_format
from pulumi import RunError
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import resource_pb2

from local.deploy import wire
from local.deploy.registration import STACK_TYPE, Call, Options, Registration

if TYPE_CHECKING:
    from local.deploy.registration import Handler

Message: TypeAlias = Any
"""A protobuf message; the generated classes have no types."""


class Monitor(MockMonitor):
    """Receives what one run of a program registers, in the order in which it arrives."""

    def __init__(self, project: str, stack: str, handler: Handler) -> None:
        # Every method of the base class that would use its mocks is overridden here.
        super().__init__(cast("Mocks", None))
        self._project = project
        self._stack = stack
        self._handler = handler
        self._lock = threading.Lock()
        self.registrations: dict[str, Registration] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the URN as the engine forms it: the types of all ancestors but the stack."""
        chain = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if chain == STACK_TYPE else f"{chain}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{qualified}::{name}"

    def RegisterResource(self, request: Message) -> Message:  # noqa: N802 - the protocol's name
        """Hand one resource to the handler.

        Raises:
            RunError: two resources of one type and name under one parent.
        """
        registration = self._registration(request)
        with self._lock:
            if registration.urn in self.registrations:
                raise RunError(
                    f"{registration.type} {registration.name!r} is declared twice under a parent; "
                    "give one of them another name"
                )
            self.registrations[registration.urn] = registration
        if registration.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=registration.urn)
        outcome = self._handler.register(registration)
        registration.id, registration.outputs = outcome.id, outcome.outputs
        return resource_pb2.RegisterResourceResponse(
            urn=registration.urn,
            id=outcome.id,
            object=wire.to_struct(outcome.outputs),
            result=resource_pb2.Result.Value("SUCCESS" if outcome.done else "FAIL"),
        )

    def RegisterResourceOutputs(self, request: Message) -> Message:  # noqa: N802 - as above
        """Keep what a component or the stack registered as its outputs."""
        with self._lock:
            self.registrations[request.urn].registered_outputs = wire.from_struct(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Message) -> Message:  # noqa: N802 - as above
        """Hand one data source to the handler."""
        args = wire.plain(wire.from_struct(request.args))
        answer = self._handler.look_up(
            Call(token=request.tok, args=args, provider=request.provider)
        )
        if answer is None:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        return resource_pb2.ResourceInvokeResponse(**{"return": wire.to_struct(answer)})

    def ReadResource(self, request: Message) -> Message:  # noqa: N802 - as above
        """Refuse `Resource.get`.

        Raises:
            RunError: always.
        """
        raise RunError(
            f"{request.type} {request.name!r} is read with .get(), which this engine cannot; "
            "use a data source, or ENGINE=pulumi"
        )

    def _registration(self, request: Message) -> Registration:
        parent = self.registrations.get(request.parent)
        return Registration(
            urn=self.make_urn(request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=wire.from_struct(request.object),
            options=_options(request, parent),
            provider=request.provider,
            providers=dict(request.providers),
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                key: tuple(sorted(value.urns))
                for key, value in sorted(request.propertyDependencies.items())
            },
        )


def _options(request: Message, parent: Registration | None) -> Options:
    """Read the options; `parent` gives what the engine's inheritFromParent would."""
    inherited = parent.options if parent else Options()
    return Options(
        protect=request.protect if request.HasField("protect") else inherited.protect,
        retain_on_delete=(
            request.retainOnDelete
            if request.HasField("retainOnDelete")
            else inherited.retain_on_delete
        ),
        delete_before_replace=request.deleteBeforeReplace
        if request.deleteBeforeReplaceDefined
        else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=tuple(json_format.MessageToDict(alias) for alias in request.aliases),
        import_id=request.importId,
        deleted_with=request.deletedWith or inherited.deleted_with,
        custom_timeouts=json_format.MessageToDict(request.customTimeouts),
        version=request.version,
        unsupported=_unsupported(request),
    )


def _unsupported(request: Message) -> tuple[str, ...]:
    found = {
        "transforms": bool(request.transforms),
        "hooks": bool(request.hooks.ByteSize()),
        "replace_with": bool(request.replace_with),
        "replacement_trigger": request.HasField("replacement_trigger"),
        "state_migrations": bool(request.state_migrations),
        "remote component": bool(request.remote),
    }
    return tuple(name for name, is_set in found.items() if is_set)
