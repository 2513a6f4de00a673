"""Records what a program would register and carries nothing out: for tests.

    def program() -> None:
        PostgresInstance("application", PostgresInstanceArgs(...))

    recording = record(program)
    instance = recording.one("aws:rds/instance:Instance")
    assert instance.plain["storageEncrypted"] is True
    assert wire.is_secret(instance.inputs["password"])

Without `outputs` the run is a preview: what a provider would compute is unknown, and an `apply` on
it does not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from local.deploy import wire
from local.deploy.monitor import Monitor
from local.deploy.program import Context, run
from local.deploy.registration import STACK_TYPE, Call, Outcome, Registration, in_order

if TYPE_CHECKING:
    from local.deploy.wire import Properties

Answers: TypeAlias = Callable[[Call], Mapping[str, Any] | None]
Outputs: TypeAlias = Callable[[Registration], Mapping[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class Recording(Sequence[Registration]):
    """What one run registered, see `in_order`; the stack itself only by its `exports`."""

    registrations: tuple[Registration, ...]
    exports: Properties
    calls: tuple[Call, ...]

    @overload
    def __getitem__(self, index: int) -> Registration: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Registration]: ...
    def __getitem__(self, index: int | slice) -> Registration | Sequence[Registration]:
        return self.registrations[index]

    def __len__(self) -> int:
        return len(self.registrations)

    def of_type(self, type_: str) -> list[Registration]:
        """Return the registrations of one type token, in order."""
        return [registration for registration in self.registrations if registration.type == type_]

    def one(self, type_: str, name: str | None = None) -> Registration:
        """Return the only registration of a type (and name).

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [one for one in self.of_type(type_) if name in {None, one.name}]
        if len(found) != 1:
            names = [one.name for one in self.of_type(type_)]
            raise LookupError(f"{len(found)} of {type_} are {name or 'there'}; known are {names}")
        return found[0]

    def by_urn(self, urn: str) -> Registration:
        """Return the registration with this URN.

        Raises:
            LookupError: there is none.
        """
        for registration in self.registrations:
            if registration.urn == urn:
                return registration
        raise LookupError(f"nothing was registered as {urn}")

    def children(self, parent: Registration) -> list[Registration]:
        """Return what was registered directly under `parent`, in order."""
        return [
            registration for registration in self.registrations if registration.parent == parent.urn
        ]


class _Recorder:
    """A handler that answers with the inputs and what the test adds."""

    def __init__(self, answers: Answers, outputs: Outputs | None, *, providers_wait: bool) -> None:
        self._answers = answers
        self._outputs = outputs
        self._providers_wait = providers_wait
        self._waiting: set[str] = set()
        self.calls: list[Call] = []

    def register(self, registration: Registration) -> Outcome:
        if registration.is_provider and wire.contains_unknown(registration.inputs):
            self._waiting.add(registration.urn)
        if self._providers_wait and registration.provider_urn in self._waiting:
            return Outcome(id="", outputs={})
        added = dict((self._outputs(registration) if self._outputs else None) or {})
        identifier = added.pop("id", "")
        return Outcome(id=identifier, outputs={**registration.inputs, **added})

    def look_up(self, call: Call) -> Properties | None:
        self.calls.append(call)
        answer = self._answers(call)
        return None if answer is None else dict(answer)


def record(
    program: Callable[[], object],
    *,
    project: str = "airflow-postgres",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    root: Path | None = None,
    answers: Answers = lambda _call: None,
    outputs: Outputs | None = None,
    providers_wait: bool = False,
) -> Recording:
    """Run `program` and return what it registered.

    Args:
        program: Called once; may return anything.
        project: Name of the project, part of each URN.
        stack: Name of the stack, part of each URN.
        config: `namespace:key` to text, objects as JSON.
        root: The project's folder and working directory of the run; by default the current one.
        answers: Answers of data sources in camelCase; `None` is an unknown answer.
        outputs: What a provider would add to the inputs, in camelCase; `id` is the resource's id.
        providers_wait: Whether a provider tells nothing, not even the inputs, as long as one of its
            own settings is unknown: so do the engine's in a preview.

    Raises:
        ProgramError: the program raised.
    """
    handler = _Recorder(answers, outputs, providers_wait=providers_wait)
    monitor = Monitor(project, stack, handler)
    context = Context(
        root=root or Path.cwd(),
        project=project,
        stack=stack,
        config=config or {},
        dry_run=True,
        parallel=1,
    )
    run(program, context, monitor)
    everything = in_order(monitor.registrations.values())
    exports = next((one.registered_outputs for one in everything if one.type == STACK_TYPE), None)
    return Recording(
        registrations=tuple(one for one in everything if one.type != STACK_TYPE),
        exports=exports or {},
        calls=tuple(handler.calls),
    )
