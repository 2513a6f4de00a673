"""Rules for parameter groups: encryption, passwords, what the log says and does not say, timeouts.

Names and values are judged together: a parameter that is absent is refused even where PostgreSQL's
default would do, as RDS has defaults of its own for each version. That an instance uses a group of
this stack is judged in `separation`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.rules.separation import PARAMETER_GROUP
from policies.values import known

# Of pgaudit's classes, those whose statements hold no rows.
_AUDITED = frozenset({"ddl", "role"})

# Each of these writes statements with their values into the log, unless it has this value.
_SILENT = {
    "auto_explain.log_min_duration": "-1",
    "debug_print_parse": "0",
    "debug_print_plan": "0",
    "debug_print_rewritten": "0",
    "log_min_duration_sample": "-1",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length_on_error": "0",
    "log_transaction_sample_rate": "0",
    "pgaudit.log_parameter": "0",
}

_TIMEOUTS = {
    "client_connection_check_interval": 10_000,
    "idle_in_transaction_session_timeout": 300_000,
    "idle_session_timeout": 3_600_000,
    "lock_timeout": 60_000,
}
"""Timeouts, and the most that each may be, in milliseconds."""


def values(group: Resource, name: str) -> list[str]:
    """Return what a group says of a parameter: one value, none, or more by mistake.

    Raises:
        NotYetKnownError: a part of its parameters is not yet known.
    """
    given = known(group.items("parameters"), "parameters")
    return [
        str(one.get("value"))
        for one in given
        if isinstance(one, Mapping) and one.get("name") == name
    ]


def _wrong(group: Resource, name: str, allowed: Collection[str], why: str) -> Iterator[str]:
    """Say so unless a parameter has exactly one value, one of those allowed."""
    given = values(group, name)
    if len(given) != 1 or given[0] not in allowed:
        shown = f"is {' and '.join(given)}" if given else "is not set"
        yield f"{name} {shown}, not {' or '.join(sorted(allowed))}: {why}"


@rule(
    "pg-force-ssl",
    of=(PARAMETER_GROUP,),
    severity=Severity.CRITICAL,
    says="PostgreSQL refuses clients without TLS.",
    mend="Set rds.force_ssl to 1.",
    controls=("Security Hub RDS.38", "CKV2_AWS_69", "CIS PG 6.8"),
)
def pg_force_ssl(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused: before PostgreSQL 15 RDS's default is 0."""
    yield from _wrong(group, "rds.force_ssl", {"1"}, "tokens and data may go in plain text")


@rule(
    "pg-tls-min",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="PostgreSQL takes no TLS before 1.2.",
    mend="Set ssl_min_protocol_version to TLSv1.2 or TLSv1.3.",
    controls=("CIS PG 6.9",),
)
def pg_tls_min(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused, as the version decides it."""
    allowed = {"TLSv1.2", "TLSv1.3"}
    yield from _wrong(group, "ssl_min_protocol_version", allowed, "what is older can be read")


@rule(
    "pg-scram",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="Passwords, where there are any, are kept and checked with SCRAM.",
    mend="Set password_encryption to scram-sha-256, rds.accepted_password_auth_method to scram.",
    controls=("CIS PG 5.4",),
)
def pg_scram(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused: RDS's default lets md5 in."""
    why = "whoever reads an md5 hash can log in with it"
    yield from _wrong(group, "password_encryption", {"scram-sha-256"}, why)
    yield from _wrong(group, "rds.accepted_password_auth_method", {"scram"}, why)


@rule(
    "pg-restrict-password",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="Only members of rds_password may set passwords.",
    mend="Set rds.restrict_password_commands to 1.",
)
def pg_restrict_password(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is 0: RDS's default."""
    why = "any role could give itself a password and do without IAM"
    yield from _wrong(group, "rds.restrict_password_commands", {"1"}, why)


@rule(
    "pg-conn-logs",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="The log says who came and who went.",
    mend="Set log_connections and log_disconnections to 1.",
    controls=("CIS PG 3.1.20", "CIS PG 3.1.21"),
)
def pg_conn_logs(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is off: PostgreSQL's default."""
    why = "nobody could say who was connected"
    yield from _wrong(group, "log_connections", {"1", "on", "all"}, why)
    yield from _wrong(group, "log_disconnections", {"1", "on"}, why)


@rule(
    "pg-lock-logs",
    of=(PARAMETER_GROUP,),
    severity=Severity.MEDIUM,
    says="The log says who waits for whose lock.",
    mend="Set log_lock_waits to 1.",
)
def pg_lock_logs(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is off: PostgreSQL's default up to 18."""
    yield from _wrong(group, "log_lock_waits", {"1", "on"}, "a queue of tasks has no visible cause")


@rule(
    "pg-audit",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="pgaudit records changes of roles, of privileges and of the schemas.",
    mend="Have pgaudit in shared_preload_libraries, and role and ddl in pgaudit.log.",
    controls=("CIS PG 3.2",),
)
def pg_audit(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused: RDS's default loads no pgaudit, and pgaudit's own default is none."""
    if "pgaudit" not in _words(group, "shared_preload_libraries"):
        yield "shared_preload_libraries lacks pgaudit: what pgaudit.log says has no effect"
    for missing in sorted(_AUDITED - set(_words(group, "pgaudit.log"))):
        yield f"pgaudit.log lacks {missing}: nobody could say who changed what"


@rule(
    "pg-statement-logs",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="The log has the statements that change schemas, and none that holds rows or passwords.",
    mend="Set log_statement to ddl, pgaudit.log to role and ddl, and take the others away.",
    controls=("CKV2_AWS_30", "CIS PG 3.1.25"),
)
def pg_statement_logs(group: Resource, _config: Config) -> Iterator[str]:
    """Absent, log_statement is none; the others are silent."""
    why = "none hides who changed a schema, mod and all write out the values of rows"
    yield from _wrong(group, "log_statement", {"ddl"}, why)
    for name, silent in _SILENT.items():
        for given in values(group, name):
            if given != silent:
                yield f"{name} is {given}, not {silent}: it writes out the values of statements"
    for loud in sorted(set(_words(group, "pgaudit.log")) - _AUDITED):
        yield f"pgaudit.log has {loud}: it writes out statements with the values of rows"


@rule(
    "pg-timeouts",
    of=(PARAMETER_GROUP,),
    severity=Severity.HIGH,
    says="Nobody holds a lock, a transaction or a connection for ever.",
    mend="Set each of them to so many milliseconds as is allowed, or fewer, but not to 0.",
    parameters={
        name: {"type": "integer", "minimum": 1, "default": most} for name, most in _TIMEOUTS.items()
    },
)
def pg_timeouts(group: Resource, config: Config) -> Iterator[str]:
    """Absent and zero are for ever: PostgreSQL's default."""
    for name in _TIMEOUTS:
        given, most = values(group, name), config[name]
        if len(given) != 1 or not given[0].isdecimal() or not 0 < int(given[0]) <= most:
            yield f"{name} is {' and '.join(given) or 'not set'}, not from 1 to {most} ms"


@rule(
    "pg-connections-pinned",
    of=(PARAMETER_GROUP,),
    severity=Severity.MEDIUM,
    says="The server allows as many connections as the budget was computed with.",
    mend="Set max_connections to a number.",
)
def pg_connections_pinned(group: Resource, _config: Config) -> Iterator[str]:
    """Absent, RDS computes it from the memory that is left; a formula may stand there too."""
    given = values(group, "max_connections")
    if len(given) != 1 or not given[0].isdecimal() or not int(given[0]):
        yield f"max_connections is {' and '.join(given) or 'not set'}, not a number above 0"


def _words(group: Resource, name: str) -> list[str]:
    """What a parameter that is a list has, in lower case."""
    listed = ",".join(values(group, name)).split(",")
    return [one.strip().lower() for one in listed if one.strip()]
