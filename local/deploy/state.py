"""What a stack has created, remembered in one file: for the next run's diff and for deleting.

The file is written whole at the end of a run. During the run each finished operation is one line of
a journal beside it, so that a killed run loses nothing and a large one is not quadratic. A line is
also written before something is created: what a killed run may have left behind is then looked for
by its name instead of being created twice. Both files are readable by their owner only. Values that
the program marked as secret keep their mark here.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.deploy.registration import Registration
    from local.deploy.wire import Properties

FORMAT = 1
OWNER_ONLY = 0o600


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
            with os.fdopen(_open(new, os.O_TRUNC), "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            self.journal.unlink(missing_ok=True)

    def _write_line(self, line: Mapping[str, Any]) -> None:
        # One write per line: a killed process tears the last line at most, never mixes two.
        descriptor = _open(self.journal, os.O_APPEND)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)


def load(path: Path, project: str, stack: str) -> State:
    """Read the state at `path`, with the journal of an unfinished run; no file is an empty state.

    Raises:
        StateError: the file is damaged or belongs to something else.
    """
    state = State(path=path, project=project, stack=stack)
    if path.exists():
        document = _document(path)
        owner = (document.get("project"), document.get("stack"))
        if document.get("format") != FORMAT or owner != (project, stack):
            raise StateError(
                f"{path} is the state of {owner[0]}/{owner[1]} in format {document.get('format')}, "
                f"not of {project}/{stack} in format {FORMAT}: name another file"
            )
        resources = (Resource.from_json(fields) for fields in document["resources"])
        state.resources = {resource.urn: resource for resource in resources}
        state.lookups = document["lookups"]
        state.exports = document["exports"]
    if state.journal.exists():
        _replay(state)
    return state


@contextmanager
def opened(path: Path, project: str, stack: str, verb: str) -> Iterator[State]:
    """Hold the state at `path` for one run of `verb` and write it whole at the end.

    Raises:
        StateError: another run holds it, or it cannot be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(path.with_name(path.name + ".lock"), verb):
        state = load(path, project, stack)
        if state.journal.exists():
            # A torn last line must not be continued by the next one.
            state.compact()
        try:
            yield state
        finally:
            state.compact()


@contextmanager
def _exclusive(path: Path, verb: str) -> Iterator[None]:
    descriptor = _open(path, 0)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode() or "another run"
            raise StateError(
                f"{holder} is using {path.with_suffix('')}: wait for it to end, or stop it"
            ) from error
        os.ftruncate(descriptor, 0)
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = f"`{verb}` of process {os.getpid()}, since {since},"
        os.pwrite(descriptor, holder.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StateError(
            f"{path} is damaged ({error}): restore it, or remove it after removing what it made"
        ) from error
    return document if isinstance(document, dict) else {}


def _replay(state: State) -> None:
    # What follows the last line's end is nothing, or the torn line of a killed run.
    for line in state.journal.read_bytes().split(b"\n")[:-1]:
        try:
            change = json.loads(line)
        except ValueError as error:
            raise StateError(f"{state.journal} is damaged ({error}): restore it") from error
        if change["resource"] is None:
            state.resources.pop(change["urn"], None)
        else:
            state.resources[change["urn"]] = Resource.from_json(change["resource"])


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | flags, OWNER_ONLY)
