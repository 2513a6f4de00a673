"""Preview, up and destroy of one stack: the project's own program, carried out by this process."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.deploy import lookups, removal, stackfile, state, wire
from local.deploy.changes import Kind
from local.deploy.errors import DeployError
from local.deploy.handlers import CarryOut, Foresee
from local.deploy.monitor import Monitor
from local.deploy.operations import Operations
from local.deploy.planner import Planner
from local.deploy.problems import Problem, Untried, label
from local.deploy.program import Context, ProgramError, main_program, run
from local.deploy.registration import STACK_TYPE, in_order
from local.deploy.report import Plan, Result
from local.deploy.target import Targets, provider_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from local.deploy.registration import Call
    from local.deploy.report import Progress
    from local.deploy.stackfile import StackFile
    from local.deploy.state import Resource, State
    from local.deploy.wire import Properties

# Operations wait for servers most of the time, so there are more of them than cores.
PARALLEL = 16


def preview(root: Path, stack: str, *, state_file: Path | None = None) -> Plan:
    """Foresee what the program at `root` declares, without any access to a cloud or a database.

    Args:
        root: The project's folder.
        stack: Name of the stack: `Pulumi.<stack>.yaml`.
        state_file: What an earlier `up` remembers; without one, everything is to be created.

    Raises:
        DeployError: with a text for people.
    """
    root = root.resolve()
    file = stackfile.load(root, stack)
    if state_file is None:
        remembered = state.State(path=Path(), project=file.project, stack=stack)
    else:
        remembered = state.load(state_file, file.project, stack)
    planner = Planner(remembered, root, files_needed=False)

    def answer(call: Call) -> Properties | None:
        known = remembered.lookups.get(lookups.key(call))
        return known or lookups.stand_in(call, planner.provider(call.provider_urn))

    handler = Foresee(planner, answer, checked=state_file is not None)
    return _foresee(root, file, planner, handler)


def up(
    root: Path,
    stack: str,
    *,
    state_file: Path,
    progress: Progress = lambda _event: None,
    notice: Callable[[str], None] = lambda _text: None,
) -> Result:
    """Bring what exists to what the program at `root` declares.

    What would be refused is found out before anything is done. After a failure the rest goes on
    where it does not need what failed; nothing is deleted then.

    Args:
        root: The project's folder.
        stack: Name of the stack: `Pulumi.<stack>.yaml`.
        state_file: Where to remember what exists; created when it is not there.
        progress: Told when each operation begins and ends, one call at a time.
        notice: Told what a person should know meanwhile.

    Raises:
        DeployError: before anything was done.
    """
    started = time.monotonic()
    root = root.resolve()
    file = stackfile.load(root, stack)
    with state.opened(state_file, file.project, stack, "up") as remembered:
        return _Up(root, file, remembered).run(progress, notice, started)


def destroy(
    root: Path,
    stack: str,
    *,
    state_file: Path,
    progress: Progress = lambda _event: None,
    notice: Callable[[str], None] = lambda _text: None,
) -> Result:
    """Delete everything that is remembered of a stack; the program is not run.

    Raises:
        DeployError: before anything was done.
    """
    started = time.monotonic()
    root = root.resolve()
    file = stackfile.load(root, stack)
    with state.opened(state_file, file.project, stack, "destroy") as remembered:
        resources = list(remembered.resources.values())
        protected = [label(resource.urn) for resource in resources if resource.protect]
        if protected:
            raise DeployError(
                f"nothing was deleted: {', '.join(protected)} is protected; take `protect` off "
                "and run `up` first"
            )
        targets = Targets(root, lambda urn: _settings(remembered, urn))
        total = sum(resource.custom for resource in resources)
        operations = Operations(remembered, targets, progress, total)
        with _stoppable(operations, targets, notice):
            untried = _delete(operations, resources)
        if not remembered.resources:
            remembered.exports, remembered.lookups = {}, {}
        return Result(
            events=tuple(operations.events),
            problems=tuple(operations.problems.values()),
            untried=untried,
            interrupted=operations.stopping.is_set(),
            seconds=time.monotonic() - started,
        )


class _Up:
    """One run of `up`, which asks the account each question once."""

    def __init__(self, root: Path, file: StackFile, remembered: State) -> None:
        self._root = root
        self._file = file
        self._state = remembered
        self._answers: dict[str, Properties] = {}
        self._lock = threading.Lock()

    def run(self, progress: Progress, notice: Callable[[str], None], started: float) -> Result:
        plan = self._plan()
        if plan.problems:
            reasons = "; ".join(str(problem) for problem in plan.problems)
            raise DeployError(f"nothing was changed: {reasons}")
        if plan.is_settled:
            self._state.exports = plan.exports
            unchanged = plan.counts.get(Kind.SAME, 0)
            seconds = time.monotonic() - started
            return Result(unchanged=unchanged, exports=plan.exports, seconds=seconds)
        planner = Planner(self._state, self._root, files_needed=True)
        targets = Targets(self._root, planner.provider)
        operations = Operations(self._state, targets, progress, plan.operations)
        handler = CarryOut(planner, operations, self._answer(targets))
        monitor = Monitor(self._file.project, self._file.stack, handler)
        program_error = ""
        untried: tuple[Untried, ...] = ()
        with _stoppable(operations, targets, notice):
            try:
                run(main_program(self._root), _context(self._root, self._file), monitor)
            except ProgramError as error:
                program_error = str(error)
            if not (program_error or operations.problems or operations.stopping.is_set()):
                untried = _delete(operations, planner.undeclared())
                self._state.exports = _exports(monitor)
                self._state.lookups = dict(self._answers)
        return Result(
            events=tuple(operations.events),
            unchanged=handler.unchanged,
            problems=tuple(operations.problems.values()),
            untried=(*handler.untried.values(), *untried),
            exports=_exports(monitor),
            program_error=program_error,
            interrupted=operations.stopping.is_set(),
            seconds=time.monotonic() - started,
        )

    def _plan(self) -> Plan:
        planner = Planner(self._state, self._root, files_needed=True)
        targets = Targets(self._root, planner.provider)
        handler = Foresee(planner, self._answer(targets), checked=True)
        return _foresee(self._root, self._file, planner, handler)

    def _answer(self, targets: Targets) -> Callable[[Call], Properties | None]:
        def answer(call: Call) -> Properties | None:
            key = lookups.key(call)
            with self._lock:
                if key not in self._answers:
                    self._answers[key] = lookups.live(call, targets.of(call.provider_urn))
                return self._answers[key]

        return answer


def _foresee(root: Path, file: StackFile, planner: Planner, handler: Foresee) -> Plan:
    monitor = Monitor(file.project, file.stack, handler)
    run(main_program(root), _context(root, file, dry_run=True), monitor)
    undeclared = planner.undeclared()
    protected = [
        Problem(key=one.urn, message="it is protected and no longer declared: take it up again")
        for one in undeclared
        if one.protect
    ]
    return Plan(
        project=file.project,
        stack=file.stack,
        steps=tuple(handler.steps[one.urn] for one in in_order(handler.declared)),
        removals=tuple(
            (one, Kind.FORGET if one.retain_on_delete else Kind.DELETE) for one in undeclared
        ),
        exports=_exports(monitor),
        calls=tuple(handler.calls),
        problems=(*handler.problems, *protected),
    )


def _context(root: Path, file: StackFile, *, dry_run: bool = False) -> Context:
    return Context(
        root=root,
        project=file.project,
        stack=file.stack,
        config=file.config,
        secret_keys=file.secret_keys,
        dry_run=dry_run,
        parallel=1 if dry_run else PARALLEL,
    )


def _delete(operations: Operations, resources: Collection[Resource]) -> tuple[Untried, ...]:
    """Delete resources; say of those that were not tried what still needs them."""
    by_urn = {resource.urn: resource for resource in resources}
    untried = operations.delete_all(resources)
    needs = {urn: removal.needed(by_urn, urn) for urn in operations.problems if urn in by_urn}
    return tuple(
        Untried(
            urn=resource.urn,
            because=tuple(urn for urn, needed in needs.items() if resource.urn in needed),
            deleting=True,
        )
        for resource in untried
    )


def _exports(monitor: Monitor) -> Properties:
    stacks = (one for one in monitor.registrations.values() if one.type == STACK_TYPE)
    return next((one.registered_outputs or {} for one in stacks), {})


def _settings(remembered: State, urn: str) -> Properties:
    provider = remembered.resources.get(urn)
    return provider_settings(wire.plain(provider.inputs)) if provider else {}


@contextmanager
def _stoppable(
    operations: Operations, targets: Targets, notice: Callable[[str], None]
) -> Iterator[None]:
    """Let an interruption end what is under way and begin nothing more; a second one ends at once.

    Connections are closed afterwards.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.getsignal(number) for number in signals}

    def stop(*_: object) -> None:
        operations.stopping.set()
        notice("stopping: what is under way is finished first, and remembered")
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    is_main = threading.current_thread() is threading.main_thread()
    if is_main:
        for number in signals:
            signal.signal(number, stop)
    try:
        yield
    finally:
        if is_main:
            restore()
        targets.close()
