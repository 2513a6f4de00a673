"""Cases of the rule in `policies/rules/plain.py`; none of these secrets opens anything."""

from __future__ import annotations

import base64

from policies.rules.databases import INSTANCE
from policies.rules.logins import LOGIN
from policies.rules.secrets import FUNCTION, VERSION
from tests.policies.cases import HOLDS, Case, put

RULE = "secret-not-in-plain"
VARIABLE = "environment.variables.ANYTHING"
# Put together here, so that no scanner of this repository takes them for real ones.
SHAPES = (
    "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIB",
    "text before -----BEGIN " + "PRIVATE KEY-----",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "SCRAM-SHA-256$4096:" + base64.b64encode(b"salt").decode() + "$c3RvcmVk:c2VydmVy",
    "md5" + "0123456789abcdef" * 2,
    "postgresql://airflow:" + "one@host:5432/airflow",
    "sql_alchemy_conn = postgresql+psycopg2://:" + "one@host/airflow",
    ".".join(["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJvbmUifQ", "c2lnbmF0dXJlLW9m"]),
    '{"username": "one", "password": "' + 'two"}',
)

CASES = (
    Case(
        rule=RULE,
        at=(FUNCTION, "airflow-keys-function"),
        path="environment.variables.PGPASSWORD",
        breaks=(
            put("environment.variables.PGPASSWORD", to="one"),
            put("environment.variables.DATABASE_PASSWORD", to="one"),
            put("environment.variables.AWS_SECRET_ACCESS_KEY", to="one"),
            *(put(VARIABLE, to=shape) for shape in SHAPES),
            put("environment.variables.NESTED", to=[{"deeper": SHAPES[0]}]),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        # From a provider, so no literal.
        unknown=HOLDS,
    ),
    Case(
        rule=RULE,
        at=(VERSION, "prod-billing-connection"),
        breaks=(put("versionStages", to=[SHAPES[2]]), put("secretString", to=SHAPES[-1])),
    ),
    Case(
        rule=RULE,
        at=(INSTANCE, "metadata"),
        breaks=(put("tags", to={"note": SHAPES[6]}),),
    ),
    Case(
        rule=RULE,
        at=(LOGIN, "prod-billing-login"),
        breaks=(put("comment", to=SHAPES[4]), put("password", to="one")),
    ),
)
