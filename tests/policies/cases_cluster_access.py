"""Cases of the rules in `policies/rules/cluster_access.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.resources import Resource
from policies.rules.cluster import (
    CLUSTER_ROLES,
    ROLE,
    ROLE_BINDING,
)
from policies.rules.cluster_access import ROLE_ANNOTATION
from tests.policies.cases import HOLDS, LATER, Case, Change, drop, edit, gone, put
from tests.policies.cases_cluster import ACCOUNT, retyped
from tests.policies.cases_workloads import (
    API_SERVER,
    MIGRATION,
    POD,
    TEMPLATE,
    with_spec,
)

LOG_READER = (ROLE, "prod-airflow-airflow-pod-log-reader")
BINDING = (ROLE_BINDING, "prod-airflow-airflow-pod-launcher")


def annotated(value: object) -> Change:
    """Annotate an account with another role, that comes from nowhere."""

    def change(account: Resource) -> Resource:
        annotations = {"annotations": {ROLE_ANNOTATION: value}}
        metadata = {**account.properties["metadata"], **annotations}
        properties = {**account.properties, "metadata": metadata}
        return replace(account, properties=properties, depends={})

    return change


def _as_marketing(account: Resource) -> Resource:
    """Let an account's role be that of another workflow, unknown as in a preview."""
    roles = account.depends["metadata"]
    other = tuple(one.replace("prod-billing-login", "prod-marketing-login") for one in roles)
    return replace(account, depends={**account.depends, "metadata": other})


def _allows(resource: str, *verbs: str, group: str = "") -> Change:
    allowance = {"apiGroups": [group], "resources": [resource], "verbs": [*verbs]}
    return edit("rules", lambda rules: [*rules, allowance])


def _bound_to(**subject: str) -> Change:
    account = {"kind": "ServiceAccount", "namespace": "airflow-prod", "name": "airflow-scheduler"}
    return edit("subjects", lambda subjects: [*subjects, {**account, **subject}])


CASES = (
    Case(
        rule="k8s-no-automount",
        at=(API_SERVER[0], "prod-airflow-triggerer"),
        path=f"{POD}.automountServiceAccountToken",
        breaks=(
            put(f"{POD}.automountServiceAccountToken", to=True),
            put(f"{POD}.automountServiceAccountToken", to="false"),
        ),
        # A zero of it is what is right.
        zero=False,
        at_zero=HOLDS,
    ),
    Case(rule="k8s-no-automount", at=BINDING, breaks=(gone,)),
    Case(
        rule="k8s-no-automount",
        at=TEMPLATE,
        breaks=(with_spec("automountServiceAccountToken", value=True),),
    ),
    Case(
        rule="k8s-own-service-account",
        at=MIGRATION,
        path=f"{POD}.serviceAccountName",
        breaks=(
            put(f"{POD}.serviceAccountName", to="default"),
            put(f"{POD}.serviceAccountName", to="somebody-elses"),
            put(f"{POD}.serviceAccountName", to="airflow-scheduler"),
            put(f"{POD}.serviceAccountName", to=["airflow-scheduler"]),
            put(f"{POD}.serviceAccount", to="airflow-scheduler"),
        ),
        zero="",
    ),
    Case(
        rule="k8s-own-service-account",
        at=TEMPLATE,
        breaks=(with_spec("serviceAccountName", "airflow-scheduler"),),
    ),
    Case(
        rule="k8s-account-no-token",
        at=ACCOUNT,
        path="automountServiceAccountToken",
        breaks=(put("automountServiceAccountToken", to=True),),
        # A zero of it is what is right.
        zero=False,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-service-account-role",
        at=ACCOUNT,
        path="metadata.annotations",
        breaks=(
            annotated("arn:aws:iam::444455556666:user/billing"),
            annotated("billing"),
            annotated(""),
            annotated(["arn:aws:iam::444455556666:role/billing"]),
        ),
        zero={},
        unknown=LATER,
    ),
    Case(
        rule="k8s-own-iam-role",
        at=ACCOUNT,
        breaks=(_as_marketing,),
    ),
    Case(
        rule="k8s-rbac-min",
        at=LOG_READER,
        path="rules",
        breaks=(
            _allows("secrets", "get"),
            _allows("pods/exec", "create"),
            _allows("pods/exec", "get"),
            _allows("pods/attach", "create"),
            _allows("pods/ephemeralcontainers", "patch"),
            _allows("serviceaccounts/token", "create"),
            _allows("nodes", "list"),
            _allows("*", "get"),
            _allows("pods", "*"),
            _allows("pods", "impersonate"),
            _allows("roles", "bind", group="rbac.authorization.k8s.io"),
            _allows("roles", "escalate", group="rbac.authorization.k8s.io"),
            _allows("pods", "get", group="*"),
            put("rules.0.nonResourceURLs", to=["/metrics"]),
            put("rules.0.apiGroups", to="*"),
            drop("rules.0.apiGroups"),
        ),
        zero=[],
        # It allows nothing.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-no-cluster-role",
        at=LOG_READER,
        breaks=(retyped(CLUSTER_ROLES[0]),),
        # What was bound is not there any more.
        also=frozenset({"k8s-role-bound"}),
    ),
    Case(
        rule="k8s-no-cluster-role",
        at=BINDING,
        breaks=(retyped(CLUSTER_ROLES[1]),),
        # The account has no role in the namespace any more.
        also=frozenset({"k8s-no-automount"}),
    ),
    Case(
        rule="k8s-role-bound",
        at=BINDING,
        path="roleRef.kind",
        breaks=(
            put("roleRef", to={"kind": "ClusterRole", "name": "cluster-admin"}),
            put("roleRef.name", to="somebody-elses"),
            put("subjects", to=[]),
            put("subjects", to="system:masters"),
            _bound_to(name="default"),
            _bound_to(name="somebody-elses"),
            _bound_to(namespace="kube-system"),
            _bound_to(kind="Group", name="system:authenticated"),
            _bound_to(kind="User", name="airflow-scheduler"),
        ),
        zero="",
    ),
)
