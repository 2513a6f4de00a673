"""Cases of the rule in `policies/rules/logins.py`."""

from __future__ import annotations

from policies.rules.rights import ROLE_POLICY
from tests.policies.cases import HOLDS, LATER, Case, Change
from tests.policies.cases_keys import statement

RULE = "iam-rds-connect-exact"
USERS = "arn:aws:rds-db:eu-west-1:444455556666:dbuser:"
SERVER = f"{USERS}prx-0fa18b5a863fa3426/"
OTHER = f"{USERS}db-D7RISICZG3B73NQRLARDREWHVC/"


def _as(*users: str) -> Change:
    return statement("policy", 0, Resource=list(users))


CASES = (
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "prod-billing-login"),
        path="policy",
        breaks=(
            _as(f"{SERVER}*"),
            _as("*"),
            _as(f"{USERS}*/prod_billing"),
            _as(f"{SERVER}prod_*"),
            _as(f"{SERVER}${{aws:PrincipalTag/login}}"),
            _as("arn:aws:rds:eu-west-1:444455556666:db:airflow-prod-application"),
            _as("arn:aws:rds-db:eu-west-1:*:dbuser:prx-0fa18b5a863fa3426/prod_billing"),
            _as(f"{SERVER}prod_billing", f"{SERVER}prod_marketing"),
            _as(f"{SERVER}prod_billing", f"{OTHER}prod_billing"),
            _as(f"{SERVER}dbmaster"),
            _as(f"{SERVER}provisioner"),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
    ),
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "application-provisioner-deploy"),
        breaks=(_as(f"{OTHER}dbmaster"), _as(f"{OTHER}prod_billing")),
    ),
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "application-provisioner-break-glass"),
        breaks=(_as(f"{OTHER}provisioner"),),
    ),
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "application-provisioner-function-log-in-as-master"),
        breaks=(_as(f"{OTHER}provisioner"),),
    ),
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "application-proxy"),
        breaks=(_as(f"{OTHER}provisioner"), _as(f"{OTHER}dbmaster"), _as(f"{OTHER}*")),
    ),
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "airflow-keys-function-write-log"),
        breaks=(statement("policy", 0, Action="RDS-DB:connect", Resource=f"{OTHER}prod_billing"),),
    ),
    Case(
        rule=RULE,
        at=(ROLE_POLICY, "local-billing-bi-function-log-in-as-rotator"),
        breaks=(_as(f"{OTHER}local_billing_bi_a"), _as(f"{OTHER}dbmaster")),
        stack="local",
    ),
)
