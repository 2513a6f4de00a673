"""Cases of the rules in `policies/rules/grants.py`."""

from __future__ import annotations

from policies.rules.grants import DATABASE, DEFAULT_PRIVILEGES, GRANT, SCHEMA
from policies.rules.roles import GRANT_ROLE
from tests.policies.cases import HOLDS, LATER, Case, gone, put

CONNECT = (GRANT, "prod-billing-connect")
REVOKED = (GRANT, "application-provisioner-application-public-database")
FUNCTIONS = (DEFAULT_PRIVILEGES, "prod-billing-owner-functions-for-public")
TABLES = (DEFAULT_PRIVILEGES, "prod-billing-owner-tables-for-reader")
LIVE = (SCHEMA, "prod-billing-v3")

CASES = (
    Case(
        rule="pg-nothing-for-public",
        at=REVOKED,
        path="privileges",
        breaks=(put("privileges", to=["CONNECT"]),),
        zero=[],
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="pg-nothing-for-public",
        at=TABLES,
        breaks=(put("role", to="public"), put("role", to="PUBLIC")),
    ),
    Case(
        rule="pg-public-revoked",
        at=REVOKED,
        path="role",
        breaks=(gone, put("database", to="postgres"), put("objectType", to="schema")),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="pg-public-revoked",
        at=(GRANT, "application-provisioner-application-public-schema"),
        path="schema",
        breaks=(gone, put("schema", to="another")),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="pg-public-revoked",
        at=FUNCTIONS,
        path="objectType",
        breaks=(
            gone,
            put("schema", to="prod_billing_v3"),
            put("objectType", to="table"),
        ),
        zero="",
    ),
    Case(
        rule="pg-grant-complete",
        at=TABLES,
        path="privileges",
        breaks=(
            put("privileges", to=["ALL"]),
            put("privileges", to=["all privileges"]),
            put("privileges", to="SELECT"),
        ),
        zero=[],
    ),
    Case(
        rule="pg-grant-complete",
        at=REVOKED,
        path="privileges",
        breaks=(put("privileges", to=None),),
        zero=[],
        at_zero=HOLDS,
    ),
    Case(
        rule="pg-grant-complete",
        at=CONNECT,
        path="database",
        breaks=(put("database", to=""),),
        zero="",
        also=frozenset({"pg-one-database"}),
    ),
    Case(
        rule="pg-no-grant-option",
        at=CONNECT,
        path="withGrantOption",
        breaks=(put("withGrantOption", to=True), put("withGrantOption", to="false")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="pg-no-grant-option",
        at=(GRANT_ROLE, "prod-billing-writer-reads"),
        path="withAdminOption",
        breaks=(put("withAdminOption", to=True),),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="pg-owners",
        at=LIVE,
        path="owner",
        breaks=(put("owner", to="provisioner"), put("owner", to="prod_billing")),
        zero="",
        unknown=LATER,
        also=frozenset({"pg-public-revoked"}),
    ),
    Case(
        rule="pg-owners",
        at=(DATABASE, "application-provisioner-application"),
        path="owner",
        breaks=(put("owner", to="prod_billing_owner"), put("owner", to=["provisioner"])),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="pg-one-database",
        at=(GRANT_ROLE, "prod-billing-reads-reference"),
        breaks=(
            put("grantRole", to="airflow_prod_writer"),
            put("role", to="airflow_prod_writer"),
        ),
    ),
    Case(
        rule="pg-one-database",
        at=CONNECT,
        path="database",
        breaks=(put("database", to="airflow_prod"),),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="schema-drop-cascade",
        at=LIVE,
        path="dropCascade",
        breaks=(put("dropCascade", to=True), put("dropCascade", to="false")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
)
