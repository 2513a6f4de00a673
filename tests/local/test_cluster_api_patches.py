"""Each kind of patch changes a pod's metadata as its standard says, and nothing else of it."""

from __future__ import annotations

import pytest

from local.cluster.errors import (
    BadRequestError,
    ConflictError,
    InvalidError,
    StatusError,
    UnsupportedMediaTypeError,
)
from local.cluster.patches import JSON_PATCH, MERGE, STRATEGIC_MERGE, patched
from local.cluster.store import Pod

CURRENT: Pod = {
    "metadata": {
        "name": "one",
        "namespace": "ns",
        "labels": {"worker": "1"},
        "uid": "u",
        "resourceVersion": "7",
    },
    "spec": {"containers": [{"name": "base"}]},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("kind", "patch", "labels"),
    [
        (MERGE, {"metadata": {"labels": {"a": "b"}}}, {"worker": "1", "a": "b"}),
        (MERGE, {"metadata": {"labels": {"worker": None}}}, {}),
        (MERGE, {"metadata": {"labels": None}}, None),
        (STRATEGIC_MERGE, {"metadata": {"labels": {"worker": "2"}}}, {"worker": "2"}),
        (STRATEGIC_MERGE, {"metadata": {"resourceVersion": "7", "uid": "u"}}, {"worker": "1"}),
        (MERGE, {"status": {"phase": "Failed"}}, {"worker": "1"}),
        (
            JSON_PATCH,
            [{"op": "add", "path": "/metadata/labels/x~1y~01z", "value": "b"}],
            {"worker": "1", "x/y~1z": "b"},
        ),
        (JSON_PATCH, [{"op": "remove", "path": "/metadata/labels/worker"}], {}),
        (
            JSON_PATCH,
            [{"op": "replace", "path": "/metadata/labels/worker", "value": "2"}],
            {"worker": "2"},
        ),
    ],
)
def test_a_patch_changes_what_it_names_and_never_the_status(
    kind: str, patch: object, labels: object
) -> None:
    after = patched(CURRENT, patch, kind)
    assert after["metadata"].get("labels") == labels
    assert after["status"] == {"phase": "Running"}
    assert after["spec"] == CURRENT["spec"]
    assert CURRENT["metadata"]["labels"] == {"worker": "1"}


@pytest.mark.parametrize(
    ("kind", "patch", "error"),
    [
        ("application/apply-patch+yaml", {}, UnsupportedMediaTypeError),
        ("application/json", {}, UnsupportedMediaTypeError),
        (MERGE, [], BadRequestError),
        (JSON_PATCH, {}, BadRequestError),
        (STRATEGIC_MERGE, {"metadata": {"labels": {"$patch": "replace"}}}, BadRequestError),
        (MERGE, {"metadata": {"labels": {"try": 1}}}, BadRequestError),
        (MERGE, {"metadata": {"resourceVersion": "6"}}, ConflictError),
        (MERGE, {"metadata": {"uid": "another"}}, ConflictError),
        (MERGE, {"metadata": {"name": "two"}}, InvalidError),
        (MERGE, {"metadata": {"namespace": "other"}}, InvalidError),
        (MERGE, {"metadata": {"deletionTimestamp": "2026-11-22T00:00:00Z"}}, InvalidError),
        (MERGE, {"metadata": None}, InvalidError),
        (MERGE, {"kind": "Job"}, InvalidError),
        (MERGE, {"spec": {"serviceAccountName": "airflow-scheduler"}}, InvalidError),
        (JSON_PATCH, [{"op": "remove", "path": "/metadata/labels/gone"}], InvalidError),
        (JSON_PATCH, [{"op": "replace", "path": "/metadata/gone", "value": 1}], InvalidError),
        (
            JSON_PATCH,
            [{"op": "test", "path": "/metadata/labels/worker", "value": "2"}],
            InvalidError,
        ),
        (JSON_PATCH, [{"op": "move", "path": "/metadata/x", "from": "/spec"}], InvalidError),
        (JSON_PATCH, [{"op": "add", "path": "/spec/containers/-", "value": {}}], InvalidError),
        (JSON_PATCH, ["nonsense"], InvalidError),
    ],
)
def test_a_patch_that_cannot_be_is_refused(
    kind: str, patch: object, error: type[StatusError]
) -> None:
    with pytest.raises(error):
        patched(CURRENT, patch, kind)
