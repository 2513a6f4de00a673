"""Rules for RDS Proxy: both of its legs are TLS and IAM, and its log has no statements.

Whom its role may log in as is judged with the other permissions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.rules.separation import PROXY
from policies.values import known

POOL = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"


@rule(
    "proxy-require-tls",
    of=(PROXY,),
    severity=Severity.CRITICAL,
    says="A proxy takes clients with TLS only.",
    mend="Set requireTls to true.",
    controls=("FSBP RDS.43",),
)
def proxy_require_tls(proxy: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS's default."""
    if proxy.value("requireTls") is not True:
        yield "requireTls is not true: tokens and data may go in plain text"


@rule(
    "proxy-iam",
    of=(PROXY,),
    severity=Severity.CRITICAL,
    says="Clients log in to a proxy with IAM tokens, and so does the proxy to the instance.",
    mend="Set defaultAuthScheme to IAM_AUTH and take auths away.",
)
def proxy_iam(proxy: Resource, _config: Config) -> Iterator[str]:
    """Absent is no IAM: a proxy then holds secrets, each of them in auths."""
    scheme = proxy.value("defaultAuthScheme")
    if scheme != "IAM_AUTH":
        yield f"defaultAuthScheme is {scheme!r}, not 'IAM_AUTH': the proxy needs passwords"
    for number, one in enumerate(known(proxy.items("auths"), "auths")):
        client = one.get("iamAuth") if isinstance(one, Mapping) else None
        if client != "REQUIRED":
            yield f"iamAuth of auths.{number} is {client!r}: clients may come with a password"
        yield f"auths.{number} is a password with which the proxy logs in to the instance"


@rule(
    "proxy-debug-logging-off",
    of=(PROXY,),
    severity=Severity.HIGH,
    says="A proxy does not log statements.",
    mend="Set debugLogging to false.",
)
def proxy_debug_logging_off(proxy: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS's default."""
    if proxy.value("debugLogging") not in (None, False):
        yield "debugLogging is not false: the text of every statement, values too, is in its log"


@rule(
    "proxy-two-zones",
    of=(PROXY,),
    severity=Severity.MEDIUM,
    says="A proxy is in two zones.",
    mend="Set vpcSubnetIds to private subnets in two zones.",
)
def proxy_two_zones(proxy: Resource, _config: Config) -> Iterator[str]:
    """RDS knows the zones, and refuses two subnets of the same one."""
    subnets = {str(one) for one in known(proxy.items("vpcSubnetIds"), "vpcSubnetIds")}
    if len(subnets) < 2:
        yield f"vpcSubnetIds lists {len(subnets)}: with one zone all is down"


@rule(
    "proxy-leaves-connections",
    of=(POOL,),
    severity=Severity.MEDIUM,
    says="A proxy leaves connections to the deployment and to people.",
    mend="Set connectionPoolConfig.maxConnectionsPercent to what is allowed, or less.",
    parameters={"percent": {"type": "integer", "minimum": 1, "maximum": 100, "default": 90}},
)
def proxy_leaves_connections(pool: Resource, config: Config) -> Iterator[str]:
    """Absent is 100 per cent: RDS's default."""
    percent = pool.number("connectionPoolConfig.maxConnectionsPercent")
    if not percent or percent > config["percent"]:
        yield f"maxConnectionsPercent is {percent}, not from 1 to {config['percent']}"
