"""Cases of the rules in `policies/rules/providers.py`."""

from __future__ import annotations

from policies.rules.providers import AWS, POSTGRESQL
from policies.values import UNKNOWN
from tests.policies.cases import Case, put

PROVIDER = (POSTGRESQL, "application-provisioner-application")

CASES = (
    Case(
        rule="pg-provider-verify-full",
        at=PROVIDER,
        path="sslmode",
        breaks=(
            put("sslmode", to="require"),
            put("sslMode", to="disable"),
            put("sslrootcert", to=""),
            put("superuser", to="true"),
            put("superuser", to=None),
            put("password", to=UNKNOWN),
            put("clientcert", to={"cert": "x"}),
        ),
        zero="",
    ),
    Case(
        rule="pg-provider-verify-full",
        at=PROVIDER,
        path="awsRdsIamAuth",
        breaks=(put("awsRdsIamAuth", to="false"), put("awsRdsIamAuth", to=["true"])),
        zero=False,
    ),
    Case(
        rule="tags-required",
        at=(AWS, "aws"),
        path="defaultTags",
        breaks=(
            put("defaultTags", to='{"tags": {"project": "airflow-postgres"}}'),
            put("defaultTags", to={"tags": {"project": "airflow-postgres", "stack": ""}}),
            put("defaultTags", to="no JSON"),
            put("defaultTags", to={"tags": ["project", "stack"]}),
        ),
        zero="",
    ),
    Case(
        rule="aws-own-account",
        at=(AWS, "aws"),
        path="allowedAccountIds",
        breaks=(
            put("allowedAccountIds", to='["444455556666", "111122223333"]'),
            put("allowedAccountIds", to="[]"),
            put("allowedAccountIds", to="no JSON"),
            put("allowedAccountIds", to=["x"]),
        ),
        zero="",
    ),
)
