"""What a stack has created, remembered in one file: for the next run's diff and for deleting.

The file is written whole at the end of a run. During the run each finished operation is one line of
a journal beside it, so that a killed run loses nothing and a large one is not quadratic. A line is
also written before something is created: what a killed run may have left behind is then looked for
by its name instead of being created twice. Both files are readable by their owner only. Values that
the program marked as secret keep their mark here.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.deploy.errors import DeployError
from local.lock import HeldError, held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.deploy.registration import Registration
    from local.deploy.wire import Properties

FORMAT = 1
OWNER_ONLY = 0o600
_WAY_ON = "restore it, or begin anew after `make down`"


class StateError(DeployError):
    """The state cannot be used now; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as the last run left it."""

    urn: str
    type: str
    parent: str = ""
    custom: bool = True
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    """As sent by the program, with markers (see `wire.py`)."""
    outputs: Properties = field(default_factory=dict)
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    deleted_with: str = ""
    creating: bool = False
    """Whether a run began to create it and did not say that it ended."""

    @property
    def name(self) -> str:
        """The logical name, the last part of the URN."""
        return self.urn.split("::", 3)[-1]

    @property
    def provider_urn(self) -> str:
        """URN of the explicit provider, empty for the default one."""
        return self.provider.rpartition("::")[0]

    @property
    def needs(self) -> set[str]:
        """URNs of what must exist as long as this does."""
        return {*self.dependencies, self.parent, self.provider_urn} - {""}

    @classmethod
    def of(cls, registration: Registration, *, creating: bool = False) -> Resource:
        """Return what to remember of `registration`."""
        return cls(
            urn=registration.urn,
            type=registration.type,
            parent=registration.parent,
            custom=registration.custom,
            id=registration.id,
            inputs=registration.inputs,
            outputs=registration.outputs,
            provider=registration.provider,
            dependencies=registration.dependencies,
            property_dependencies=registration.property_dependencies,
            protect=registration.options.protect,
            retain_on_delete=registration.options.retain_on_delete,
            deleted_with=registration.options.deleted_with,
            creating=creating,
        )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Resource:
        """Return the resource that `dataclasses.asdict` made into JSON."""
        depends = {key: tuple(urns) for key, urns in fields["property_dependencies"].items()}
        return cls(
            **{
                **fields,
                "dependencies": tuple(fields["dependencies"]),
                "property_dependencies": depends,
            }
        )


@dataclass(kw_only=True)
class State:
    """The resources of one stack. Thread-safe; each change is on disk before the call returns."""

    path: Path
    project: str
    stack: str
    resources: dict[str, Resource] = field(default_factory=dict)
    lookups: dict[str, Properties] = field(default_factory=dict)
    """Answers of data sources by call, for previews while the account is away."""
    exports: Properties = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def journal(self) -> Path:
        """The file with the lines of an unfinished run."""
        return self.path.with_name(self.path.name + ".journal")

    def put(self, resource: Resource) -> None:
        """Remember `resource` as it is now."""
        with self._lock:
            if self.resources.get(resource.urn) != resource:
                self.resources[resource.urn] = resource
                self._write_line({"urn": resource.urn, "resource": dataclasses.asdict(resource)})

    def remove(self, urn: str) -> None:
        """Forget the resource with this URN."""
        with self._lock:
            if self.resources.pop(urn, None):
                self._write_line({"urn": urn, "resource": None})

    def compact(self) -> None:
        """Write the whole state; the journal is then empty and goes."""
        document = {
            "format": FORMAT,
            "project": self.project,
            "stack": self.stack,
            "resources": [dataclasses.asdict(one) for one in self.resources.values()],
            "lookups": self.lookups,
            "exports": self.exports,
        }
        with self._lock:
            new = self.path.with_name(self.path.name + ".new")
            try:
                with os.fdopen(_open(new, os.O_TRUNC), "w", encoding="utf-8") as file:
                    json.dump(document, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self.path)
            except OSError as error:
                new.unlink(missing_ok=True)
                raise _not_written(self.path, error) from error
            self.journal.unlink(missing_ok=True)

    def _write_line(self, line: Mapping[str, Any]) -> None:
        # One write per line: a killed process tears the last line at most, never mixes two.
        content = json.dumps(line).encode() + b"\n"
        descriptor = _open(self.journal, os.O_APPEND)
        try:
            before = os.fstat(descriptor).st_size
            try:
                written = os.write(descriptor, content)
            except OSError as error:
                raise _not_written(self.journal, error) from error
            if written < len(content):
                # Half a line must not be continued by the next one.
                os.ftruncate(descriptor, before)
                raise _not_written(self.journal, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        finally:
            os.close(descriptor)


def load(path: Path, project: str, stack: str) -> State:
    """Read the state at `path`, with the journal of an unfinished run; no file is an empty state.

    Raises:
        StateError: the file is damaged or belongs to something else.
    """
    state = State(path=path, project=project, stack=stack)
    if path.exists():
        with _undamaged(path):
            _read(state)
    if state.journal.exists():
        with _undamaged(state.journal):
            _replay(state)
    return state


def _read(state: State) -> None:
    document = json.loads(state.path.read_text(encoding="utf-8"))
    found = (document["project"], document["stack"], document["format"])
    if found != (state.project, state.stack, FORMAT):
        raise StateError(
            "{} is the state of {}/{} in format {}, ".format(state.path, *found)
            + f"not of {state.project}/{state.stack} in format {FORMAT}: {_WAY_ON}"
        )
    resources = (Resource.from_json(fields) for fields in document["resources"])
    state.resources = {resource.urn: resource for resource in resources}
    state.lookups = document["lookups"]
    state.exports = document["exports"]


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Say of a file that has not what it should have that it is damaged."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{path} is damaged ({error}): {_WAY_ON}") from error


@contextmanager
def opened(path: Path, project: str, stack: str, verb: str) -> Iterator[State]:
    """Hold the state at `path` for one run of `verb` and write it whole at the end.

    Raises:
        StateError: another run holds it, or it cannot be read.
    """
    with ExitStack() as locks:
        try:
            locks.enter_context(held(path.with_name(path.name + ".lock"), verb))
        except HeldError as error:
            raise StateError(f"{error} is using {path}: wait for it to end, or stop it") from error
        state = load(path, project, stack)
        if state.journal.exists():
            # A torn last line must not be continued by the next one.
            state.compact()
        try:
            yield state
        finally:
            state.compact()


def _not_written(path: Path, error: OSError) -> StateError:
    return StateError(
        f"{path} cannot be written ({error.strerror}): make room or mend it, then run the same "
        "command again; what it says is still true"
    )


def _replay(state: State) -> None:
    # What follows the last line's end is nothing, or the torn line of a killed run.
    for line in state.journal.read_bytes().split(b"\n")[:-1]:
        change = json.loads(line)
        if change["resource"] is None:
            state.resources.pop(change["urn"], None)
        else:
            state.resources[change["urn"]] = Resource.from_json(change["resource"])


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | flags, OWNER_ONLY)
