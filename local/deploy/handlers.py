"""What stands behind the monitor: one handler foresees, the other one carries out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from local.deploy import lookups, wire
from local.deploy.changes import Change, Kind
from local.deploy.planner import Planner, foreseen
from local.deploy.problems import Problem, Untried, sentence
from local.deploy.registration import Outcome
from local.deploy.report import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.operations import Operations
    from local.deploy.registration import Call, Registration
    from local.deploy.wire import Properties


class Foresee:
    """Answers as far as can be known, does nothing, and keeps the steps."""

    def __init__(
        self, planner: Planner, answer: Callable[[Call], Properties | None], *, checked: bool
    ) -> None:
        self._planner = planner
        self._answer = answer
        self._checked = checked
        self._lock = threading.Lock()
        self.steps: dict[str, Step] = {}
        self.calls: list[Call] = []
        self.problems: list[Problem] = []

    def register(self, registration: Registration) -> Outcome:
        """Keep what would happen to one resource."""
        try:
            self._planner.declare(registration)
            step, outcome = self._foresee(registration)
        except Exception as error:  # noqa: BLE001 - the rest of the preview is still of use
            if self._checked:
                self.problems.append(Problem(key=registration.urn, message=sentence(error)))
            step = Step(registration=registration, change=Change(kind=Kind.CREATE))
            outcome = Outcome(outputs=dict(registration.inputs))
        with self._lock:
            self.steps[registration.urn] = step
        return outcome

    def look_up(self, call: Call) -> Properties | None:
        """Answer one data source."""
        with self._lock:
            self.calls.append(call)
        try:
            return self._answer(call)
        except Exception as error:  # noqa: BLE001 - the rest of the preview is still of use
            self.problems.append(Problem(key=lookups.key(call), message=sentence(error)))
            return None

    @property
    def declared(self) -> list[Registration]:
        """What was registered."""
        return [step.registration for step in self.steps.values()]

    def _foresee(self, registration: Registration) -> tuple[Step, Outcome]:
        if not registration.custom:
            old = self._planner.remember(registration)
            change = Change(kind=Kind.SAME if old else Kind.CREATE)
            return Step(registration=registration, change=change, old=old), Outcome()
        decision = self._planner.decide(registration)
        identifier, outputs = foreseen(decision, registration)
        step = Step(registration=registration, change=decision.change, old=decision.old)
        return step, Outcome(id=identifier, outputs=outputs)


class CarryOut:
    """Does what is declared; after a failure it goes on with what does not need it."""

    def __init__(
        self,
        planner: Planner,
        operations: Operations,
        answer: Callable[[Call], Properties | None],
    ) -> None:
        self._planner = planner
        self._operations = operations
        self._answer = answer
        self._lock = threading.Lock()
        self.unchanged = 0
        self.untried: dict[str, Untried] = {}

    def register(self, registration: Registration) -> Outcome:
        """Bring one resource to what is declared."""
        problems = self._operations.problems
        try:
            self._planner.declare(registration)
            untried = self._not_to_try(registration)
            if untried:
                self.untried[registration.urn] = untried
                return Outcome(done=False)
            if not registration.custom:
                self._operations.remember(registration, self._planner.remember(registration))
                return Outcome()
            decision = self._planner.decide(registration)
        except Exception as error:  # noqa: BLE001 - whatever it is, others go on
            problems[registration.urn] = Problem(key=registration.urn, message=sentence(error))
            return Outcome(done=False)
        if decision.change.kind is Kind.SAME and decision.old:
            registration.id = decision.old.id
            registration.outputs = decision.old.outputs
            self._operations.remember(registration, decision.old)
            with self._lock:
                self.unchanged += 1
        elif not self._operations.carry_out(decision, registration):
            return Outcome(done=False)
        return Outcome(id=registration.id, outputs=registration.outputs)

    def look_up(self, call: Call) -> Properties | None:
        """Answer one data source."""
        try:
            return self._answer(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, others go on
            key = lookups.key(call)
            self._operations.problems[key] = Problem(key=key, message=sentence(error))
            return None

    def _not_to_try(self, registration: Registration) -> Untried | None:
        if self._operations.stopping.is_set():
            return Untried(urn=registration.urn, because=())
        needs = (*registration.dependencies, registration.parent, registration.provider_urn)
        causes: set[str] = set()
        for urn in needs:
            if urn in self._operations.problems:
                causes.add(urn)
            if urn in self.untried:
                causes.update(self.untried[urn].because)
        if not causes and wire.contains_unknown(registration.inputs):
            # Only what could not be looked up leaves something unknown without a dependency.
            causes.update(key for key in self._operations.problems if not key.startswith("urn:"))
        return Untried(urn=registration.urn, because=tuple(sorted(causes))) if causes else None
