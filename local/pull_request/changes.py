"""What happens to resources, read off the CLI's preview or off two of `make preview`.

Values are left out: only which inputs change is told. What stays as it is is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from local.pull_request.documents import (
    ORDER,
    Changes,
    Document,
    DocumentError,
    ResourceChange,
    What,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_OPERATIONS: Mapping[str, What] = {
    "create": "create",
    "import": "create",
    "update": "change",
    "delete": "delete",
    "remove-pending-replace": "delete",
    "discard": "forget",
    "forget": "forget",
}
"""The CLI's operations that change something; all steps of a replacement are one `replace`."""


class _State(Document):
    custom: bool = False
    """Whether a provider has it; components are only names."""


class _Step(Document):
    op: str
    urn: str
    old_state: _State | None = None
    new_state: _State | None = None
    diff_reasons: tuple[str, ...] = ()
    replace_reasons: tuple[str, ...] = ()
    detailed_diff: dict[str, Any] | None = None


class _Diagnostic(Document):
    message: str
    severity: str


class _Foreseen(Document):
    """The output of `pulumi preview --json`."""

    steps: tuple[_Step, ...] = ()
    diagnostics: tuple[_Diagnostic, ...] = ()


class _Declared(Document):
    urn: str
    type: str
    name: str
    component: bool
    inputs: dict[str, Any]
    retain_on_delete: bool = False


class _Preview(Document):
    """The output of `make preview JSON=1`."""

    resources: tuple[_Declared, ...]
    problems: tuple[str, ...] = Field(default=())


def foreseen(path: Path, environment: str) -> Changes:
    """Return what the CLI foresees, compared with what is deployed.

    Raises:
        DocumentError: the file is no output of `pulumi preview --json`.
    """
    preview = read(_Foreseen, path)
    steps = _by_resource(preview)
    errors = [one.message for one in preview.diagnostics if one.severity == "error"]
    if not preview.steps and not errors:
        raise DocumentError(f"{path.name} has no steps: it is no output of `pulumi preview --json`")
    changes = [_foreseen_change(urn, of_one) for urn, of_one in steps.items()]
    found = [one for one in changes if one is not None]
    return Changes(
        environment=environment,
        deployed=True,
        changes=_sorted(found),
        unchanged=len(changes) - len(found),
        problems=tuple(errors),
    )


def between(base: Path | None, path: Path, environment: str) -> Changes:
    """Return how two previews differ, whatever is deployed; no base: all is new.

    Raises:
        DocumentError: a file is no output of `make preview JSON=1`.
    """
    preview = read(_Preview, path)
    before = _custom(read(_Preview, base)) if base else {}
    after = _custom(preview)
    unchanged = sum(one.inputs == after[urn].inputs for urn, one in before.items() if urn in after)
    return Changes(
        environment=environment,
        deployed=False,
        changes=_sorted(_differences(before, after)),
        unchanged=unchanged,
        problems=preview.problems,
    )


def _sorted(changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    return tuple(sorted(changes, key=lambda one: (ORDER.index(one.what), one.type, one.name)))


def _by_resource(preview: _Foreseen) -> Mapping[str, list[_Step]]:
    """The steps of each resource; a replacement has several."""
    steps: dict[str, list[_Step]] = {}
    for one in preview.steps:
        state = one.new_state or one.old_state
        if state and state.custom:
            steps.setdefault(one.urn, []).append(one)
    return steps


def _foreseen_change(urn: str, steps: Iterable[_Step]) -> ResourceChange | None:
    operations = {one.op for one in steps}
    if any("replace" in one for one in operations - {"remove-pending-replace"}):
        what: What = "replace"
    else:
        told = {_OPERATIONS[one] for one in operations & _OPERATIONS.keys()}
        if not told:
            return None
        what = min(told, key=ORDER.index)
    reasons = {each for one in steps for each in _reasons(one, what)}
    _, _, rest = urn.partition("::")
    types, _, name = rest.partition("::")[2].partition("::")
    return ResourceChange(
        what=what, type=types.rpartition("$")[2], name=name, properties=tuple(sorted(reasons))
    )


def _reasons(step: _Step, what: What) -> Iterable[str]:
    if what == "replace" and step.replace_reasons:
        return step.replace_reasons
    return step.diff_reasons or (step.detailed_diff or {}).keys()


def _custom(preview: _Preview) -> Mapping[str, _Declared]:
    return {one.urn: one for one in preview.resources if not one.component}


def _differences(
    before: Mapping[str, _Declared], after: Mapping[str, _Declared]
) -> Iterator[ResourceChange]:
    for urn, one in after.items():
        old = before.get(urn)
        keys = {*(old.inputs if old else {}), *one.inputs}
        changed = [key for key in keys if old and old.inputs.get(key) != one.inputs.get(key)]
        if old is None:
            yield ResourceChange(what="create", type=one.type, name=one.name)
        elif changed:
            yield ResourceChange(
                what="change", type=one.type, name=one.name, properties=tuple(sorted(changed))
            )
    for urn, one in before.items():
        if urn not in after:
            what: What = "forget" if one.retain_on_delete else "delete"
            yield ResourceChange(what=what, type=one.type, name=one.name)
