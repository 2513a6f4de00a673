"""Cases of the rules in `policies/rules/proxies.py`; only prod has a proxy."""

from __future__ import annotations

from policies.rules.proxies import POOL
from policies.rules.separation import PROXY
from tests.policies.cases import HOLDS, Case, put

AT = (PROXY, "application-proxy")
PERCENT = "connectionPoolConfig.maxConnectionsPercent"
CASES = (
    Case(
        rule="proxy-require-tls",
        at=AT,
        path="requireTls",
        breaks=(put("requireTls", to=False), put("requireTls", to="true")),
        zero=False,
    ),
    Case(
        rule="proxy-iam",
        at=AT,
        path="defaultAuthScheme",
        breaks=(
            put("defaultAuthScheme", to="NONE"),
            put("auths", to=[{"authScheme": "SECRETS", "iamAuth": "REQUIRED"}]),
            put("auths", to=[{"authScheme": "SECRETS", "iamAuth": "DISABLED"}]),
            put("auths", to=["SECRETS"]),
        ),
        zero="",
    ),
    Case(
        rule="proxy-debug-logging-off",
        at=AT,
        path="debugLogging",
        breaks=(put("debugLogging", to=True), put("debugLogging", to="false")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="proxy-two-zones",
        at=AT,
        path="vpcSubnetIds",
        breaks=(
            put("vpcSubnetIds", to=["subnet-0e10000000000000a", "subnet-0e10000000000000a"]),
            put("vpcSubnetIds", to="subnet-0e10000000000000a"),
        ),
        zero=[],
    ),
    Case(
        rule="proxy-leaves-connections",
        at=(POOL, "application-proxy"),
        path=PERCENT,
        breaks=(put(PERCENT, to=100), put(PERCENT, to="90"), put("connectionPoolConfig", to=None)),
        zero=0,
    ),
)
