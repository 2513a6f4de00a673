"""A rule allows what it says, to those whom a binding of the namespace names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from local.cluster.errors import ForbiddenError
from local.cluster.rbac import Authorizer
from local.cluster.requests import understand
from local.cluster.tokens import User
from tests.local.cluster_api_fixtures import binding

RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (RULE, True),
        ({**RULE, "verbs": ["*"]}, True),
        ({**RULE, "resources": ["*"]}, True),
        ({**RULE, "resourceNames": ["one"]}, True),
        ({**RULE, "resourceNames": ["two"]}, False),
        ({**RULE, "verbs": ["list", "watch"]}, False),
        ({**RULE, "resources": ["pods/log", "secrets"]}, False),
        ({**RULE, "apiGroups": ["apps"]}, False),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, False),
    ],
)
def test_a_rule_allows_what_it_says(rule: dict[str, Any], *, allowed: bool) -> None:
    assert decides(rule, "/api/v1/namespaces/ns/pods/one") is allowed


def test_a_rule_for_pods_is_none_for_their_logs() -> None:
    path = "/api/v1/namespaces/ns/pods/one/log"
    assert not decides(RULE, path)
    assert decides({**RULE, "resources": ["pods/log"]}, path)
    assert decides({**RULE, "resources": ["*/log"]}, path)


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ({"kind": "ServiceAccount", "name": "one", "namespace": "ns"}, True),
        ({"kind": "ServiceAccount", "name": "one", "namespace": "other"}, False),
        ({"kind": "ServiceAccount", "name": "one"}, False),
        ({"kind": "ServiceAccount", "name": "two", "namespace": "ns"}, False),
        ({"kind": "Group", "name": "system:serviceaccounts:ns"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:other"}, False),
        ({"kind": "User", "name": "system:serviceaccount:ns:one"}, True),
        ({"kind": "User", "name": "system:serviceaccounts:ns"}, False),
    ],
)
def test_a_binding_is_for_its_subjects(subject: dict[str, Any], *, allowed: bool) -> None:
    if subject["kind"] != "ServiceAccount":
        subject = {**subject, "apiGroup": "rbac.authorization.k8s.io"}
    assert decides(RULE, "/api/v1/namespaces/ns/pods/one", subjects=[subject]) is allowed


def test_a_binding_to_a_cluster_role_or_to_no_role_gives_nothing() -> None:
    for reference in ({"kind": "ClusterRole", "name": "role"}, {"kind": "Role", "name": "gone"}):
        assert not decides(RULE, "/api/v1/namespaces/ns/pods/one", roleRef=reference)


def decides(rule: dict[str, Any], path: str, **changes: Any) -> bool:  # noqa: ANN401 - of a binding
    """Tell whether one rule lets the service account `ns/one` read a path."""
    objects: dict[str, list[dict[str, Any]]] = {
        "Role": [{"metadata": {"name": "role"}, "rules": [rule]}],
        "RoleBinding": [binding("ns", "role", "one") | changes],
    }
    user = User("system:serviceaccount:ns:one", ("system:serviceaccounts:ns",))
    authorizer = Authorizer(lambda kind, namespace: objects[kind] if namespace == "ns" else [])
    try:
        authorizer.authorize(user, understand("GET", path, {}))
    except ForbiddenError:
        return False
    return True
