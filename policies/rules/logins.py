"""The rule for which identity may log in to a database as whom.

What a login may do there is said in PostgreSQL, and judged with its roles and grants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.documents import allowing
from policies.family import child
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule_in_stack
from policies.rules.databases import INSTANCE
from policies.rules.rights import DOCUMENTS
from policies.values import Json

LOGIN = "postgresql:index/role:Role"
DATABASE = "postgresql:index/database:Database"

_CONNECT = "rds-db"
# No variable of IAM either: it is filled in by whoever asks.
_DB_USER = re.compile(
    r"arn:[a-z-]+:rds-db:[a-z0-9-]+:\d{12}:dbuser:((?:db|prx)-[A-Za-z0-9]+)/([^*?/${}]+)"
)


@rule_in_stack(
    "iam-rds-connect-exact",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="An identity logs in to one server as its own login; as the master only where the glass "
    "is broken or a server is prepared, as the provisioner only to deploy.",
    mend="Name arn:aws:rds-db:<region>:<account>:dbuser:<resource id>/<login> with the login of "
    "the same component.",
    later=("policy",),
)
def iam_rds_connect_exact(policy: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Nothing else lets anyone in: a login that is no one's is refused, whatever it may do."""
    servers: set[str] = set()
    for statement in allowing(policy.document("policy")):
        if not statement.of_service(_CONNECT):
            continue
        own = _own(policy, stack)
        for resource in statement.resources:
            if not (found := _DB_USER.fullmatch(resource)):
                yield f"{statement.label} logs in to {resource}, not one login of one server"
            elif found[2] not in own:
                whose = ", ".join(sorted(set(map(str, own)))) or "nobody"
                yield f"{statement.label} logs in as {found[2]}; it is there for {whose}"
            if found:
                servers.add(found[1])
    if len(servers) > 1:
        yield f"it logs in to {', '.join(sorted(servers))}; each identity is of one server"


def _own(policy: Resource, stack: Stack) -> list[Json]:
    """Whom a policy may log in as, by the component that it belongs to."""
    if login := stack.component(policy, "Login"):
        found = (child(stack, login, LOGIN, role) for role in ("login", "rotator"))
        return [one.value("name") for one in found if one]
    if stack.component(policy, ":ConnectionProxy"):
        # For its clients it logs in as each of them, never as who changes their passwords.
        return [
            one.value("name")
            for one in stack.of(LOGIN)
            if one.value("login") is True and one.value("createRole") is not True
        ]
    if stack.component(policy, ":Provisioner"):
        if policy.name.endswith("-deploy"):
            return [one.value("owner") for one in stack.of(DATABASE)]
        if policy.name.endswith(("-break-glass", "-log-in-as-master")):
            return [one.value("username") for one in stack.of(INSTANCE)]
    return []
