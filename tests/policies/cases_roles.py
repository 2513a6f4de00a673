"""Cases of the rules in `policies/rules/roles.py`."""

from __future__ import annotations

from policies.resources import Resource
from policies.rules.roles import GRANT_ROLE, ROLE
from policies.values import UNKNOWN
from tests.policies.cases import HOLDS, LATER, Case, Change, drop, gone, put

LOGIN = (ROLE, "prod-billing-login")
READER = (ROLE, "prod-billing-reader")
ANALYSTS = (ROLE, "local-analysts-login")
ROTATOR = (ROLE, "local-billing-bi-rotator")
ROTATED = (ROLE, "local-billing-bi-a")


def in_groups(*groups: str) -> Change:
    """Make a role a member of these."""
    return put("roles", to=list(groups))


def logs_in(resource: Resource) -> Resource:
    """Make a login of a group role, complete but for its rights."""
    for path, value in {
        "login": True,
        "inherit": True,
        "connectionLimit": 1,
        "statementTimeout": 60_000,
    }.items():
        changed = put(path, to=value)(resource)
        assert changed is not None
        resource = changed
    return resource


CASES = (
    Case(
        rule="pgrole-no-powers",
        at=LOGIN,
        path="superuser",
        breaks=(
            put("superuser", to=True),
            put("createDatabase", to=True),
            put("createRole", to=True),
            put("replication", to=True),
            put("bypassRowLevelSecurity", to="false"),
        ),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="pgrole-no-powers",
        at=ROTATOR,
        breaks=(put("inherit", to=True), put("inherit", to=None)),
        stack="local",
    ),
    Case(
        rule="pgrole-members",
        at=LOGIN,
        path="roles",
        breaks=(
            in_groups("rds_iam", "prod_billing_writer", "rds_superuser"),
            in_groups("rds_iam", "prod_billing_writer", "pg_read_all_data"),
            in_groups("rds_iam", "prod_billing_writer", "rds_password"),
            in_groups("rds_iam", "prod_billing_writer", "provisioner"),
            in_groups("rds_iam", "prod_billing_writer", "prod_marketing"),
        ),
        zero=[],
        unknown=LATER,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="pgrole-members",
        at=(GRANT_ROLE, "prod-billing-writer-reads"),
        path="grantRole",
        breaks=(
            put("grantRole", to="rds_superuser"),
            put("grantRole", to="rds_replication"),
            put("grantRole", to="prod_reference"),
        ),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="pgrole-members",
        at=(GRANT_ROLE, "local-billing-bi-rotates-a"),
        breaks=(put("grantRole", to="local_marketing"), put("role", to="local_analysts")),
        stack="local",
    ),
    Case(
        rule="pgrole-iam-leaf",
        at=LOGIN,
        path="roles",
        breaks=(in_groups("prod_billing_writer"),),
        zero=[],
        unknown=LATER,
    ),
    Case(
        rule="pgrole-iam-leaf",
        at=READER,
        breaks=(in_groups("rds_iam"), logs_in),
    ),
    Case(
        rule="pgrole-iam-leaf",
        at=ROTATED,
        breaks=(in_groups("rds_iam", "local_billing_reader"),),
        stack="local",
        # The two of a pair have to be alike.
        also=frozenset({"secret-alternating-pair"}),
    ),
    Case(
        rule="pgrole-iam-leaf",
        at=(GRANT_ROLE, "local-billing-bi-logs-in-by-iam"),
        breaks=(gone, put("role", to="rds_superuser")),
        stack="local",
    ),
    Case(
        rule="pgrole-login-decided",
        at=READER,
        path="login",
        breaks=(drop("login"), put("login", to="false")),
        zero="",
    ),
    Case(
        rule="pgrole-login-decided",
        at=LOGIN,
        path="inherit",
        breaks=(put("inherit", to=True),),
        zero="",
    ),
    Case(
        rule="pgrole-connection-limit",
        at=LOGIN,
        path="connectionLimit",
        breaks=(put("connectionLimit", to=-1), put("connectionLimit", to="60")),
        zero=0,
    ),
    Case(
        rule="pgrole-no-password",
        at=LOGIN,
        path="password",
        breaks=(put("password", to=UNKNOWN), put("passwordWo", to="x")),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="pgrole-timeouts",
        at=LOGIN,
        path="statementTimeout",
        breaks=(
            put("statementTimeout", to=7_200_000),
            put("statementTimeout", to=-1),
            put("statementTimeout", to="0"),
            put("idleInTransactionSessionTimeout", to=600_000),
        ),
        zero=0,
        at_zero=HOLDS,
    ),
    Case(
        rule="pgrole-timeouts",
        at=ANALYSTS,
        path="statementTimeout",
        breaks=(put("statementTimeout", to=0),),
        zero=0,
        stack="local",
    ),
    Case(
        rule="pgrole-valid-until",
        at=ROTATED,
        path="validUntil",
        breaks=(put("validUntil", to="infinity"), put("validUntil", to=4_102_444_800)),
        zero="",
        stack="local",
        also=frozenset({"secret-alternating-pair"}),
    ),
)
