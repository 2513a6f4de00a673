"""The declared workflows, as `workflows.json` beside this file lists them, and what is theirs.

A DAG belongs to the workflow whose folder its file lies in, and its id begins with the workflow's
name: `billing/load.py` may define `billing` and `billing.load`. This module knows nothing of
Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

FILE = Path(__file__).with_name("workflows.json")
_FIELDS = {"service_account": str, "pool": str, "slots": int}


class WorkflowsError(Exception):
    """The list of workflows cannot be used; the text says what is wrong with it."""


class ForeignDagError(Exception):
    """A DAG belongs to no declared workflow; the text says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A declared workflow, and what its tasks run as and within."""

    name: str
    service_account: str
    """The Kubernetes service account, which holds the workflow's IAM role."""
    pool: str
    """The Airflow pool, and the queue."""
    slots: int
    """Tasks that may run at once: as many as its login may hold connections."""


@cache
def declared() -> Mapping[str, Workflow]:
    """Return the declared workflows by name; read once, as a change rolls the pods over.

    Raises:
        WorkflowsError: the list is missing or broken.
    """
    try:
        return parse(FILE.read_text(encoding="utf-8"))
    except OSError as error:
        raise WorkflowsError(
            f"The list of workflows {FILE} cannot be read ({error.strerror}): mount the ConfigMap "
            "airflow-home there."
        ) from None


def parse(text: str) -> Mapping[str, Workflow]:
    """Return the workflows that a JSON text lists.

    Raises:
        WorkflowsError: it is not such a list.
    """
    try:
        listed = json.loads(text)
    except json.JSONDecodeError as error:
        raise WorkflowsError(f"{FILE.name} is not JSON ({error}): deploy it again.") from None
    if not isinstance(listed, dict):
        raise WorkflowsError(f"{FILE.name} is {listed!r}, but an object by workflow is needed.")
    return {name: _workflow(name, fields) for name, fields in listed.items()}


def owner(dag_id: str, dag_file: str) -> Workflow:
    """Return the workflow that a DAG belongs to.

    Args:
        dag_id: the DAG's id.
        dag_file: its file, relative to the folder that holds the workflows' folders.

    Raises:
        ForeignDagError: it belongs to none, or says that it is another's.
        WorkflowsError: the list of workflows is missing or broken.
    """
    path = PurePosixPath(dag_file)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise ForeignDagError(
            f"DAG {dag_id!r} is in {dag_file!r}, which is in no workflow's folder: move the file "
            "into the folder that has the workflow's name."
        )
    name = path.parts[0]
    workflow = declared().get(name)
    if workflow is None:
        raise ForeignDagError(
            f"DAG {dag_id!r} is in {dag_file!r}, but no workflow {name!r} is declared (there are: "
            f"{', '.join(sorted(declared())) or 'none'}): declare it in the environment's "
            "settings, or move the file."
        )
    if dag_id.partition(".")[0] != name:
        raise ForeignDagError(
            f"DAG {dag_id!r} is in {dag_file!r}, which is a file of workflow {name!r}: call the "
            f"DAG {name!r} or '{name}.<name>', or move the file to the workflow that it is of."
        )
    return workflow


def _workflow(name: str, fields: object) -> Workflow:
    given = fields if isinstance(fields, dict) else {}
    for key, kind in _FIELDS.items():
        if type(given.get(key)) is not kind:
            raise WorkflowsError(
                f"{FILE.name}: workflow {name!r} has {key} {given.get(key)!r}, but a "
                f"{'number' if kind is int else 'text'} is needed: deploy it again."
            )
    return Workflow(name=name, **{key: given[key] for key in _FIELDS})
