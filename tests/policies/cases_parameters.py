"""Cases of the rules in `policies/rules/parameters.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from policies.rules.separation import PARAMETER_GROUP
from tests.policies.cases import Case, Change, edit, put

GROUP = (PARAMETER_GROUP, "application-parameters")


def _with(name: str, value: str | int | None) -> Change:
    """Give a parameter another value, or add it."""

    def changed(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        others = [one for one in parameters if one["name"] != name]
        return [*others, {"name": name, "value": value, "applyMethod": "immediate"}]

    return edit("parameters", changed)


def _without(name: str) -> Change:
    return edit("parameters", lambda given: [one for one in given if one["name"] != name])


def _twice(name: str, value: str) -> Change:
    """Have it once more, with another value before the right one."""
    return edit("parameters", lambda given: [{"name": name, "value": value}, *given])


def _case(rule: str, *breaks: Change) -> Case:
    """An empty list of parameters breaks each of these rules, and so does one not yet known."""
    return Case(rule=rule, at=GROUP, path="parameters", breaks=breaks, zero=[])


def _each(change: Callable[..., Change], names: tuple[str, ...], *to: object) -> tuple[Change, ...]:
    return tuple(change(name, *to) for name in names)


TIMEOUTS = (
    "lock_timeout",
    "idle_session_timeout",
    "idle_in_transaction_session_timeout",
    "client_connection_check_interval",
)
LOUD = ("log_min_duration_statement", "auto_explain.log_min_duration", "log_min_duration_sample")
CASES = (
    _case(
        "pg-force-ssl",
        _with("rds.force_ssl", "0"),
        _without("rds.force_ssl"),
        _with("rds.force_ssl", None),
        _with("rds.force_ssl", 0),
        _twice("rds.force_ssl", "0"),
        put("parameters", to="rds.force_ssl=1"),
        put("parameters", to=["rds.force_ssl"]),
    ),
    _case(
        "pg-tls-min",
        _with("ssl_min_protocol_version", "TLSv1.1"),
        _with("ssl_min_protocol_version", ""),
        _without("ssl_min_protocol_version"),
    ),
    _case(
        "pg-scram",
        _with("password_encryption", "md5"),
        _without("password_encryption"),
        _with("rds.accepted_password_auth_method", "md5+scram"),
        _without("rds.accepted_password_auth_method"),
    ),
    _case(
        "pg-restrict-password",
        _with("rds.restrict_password_commands", "0"),
        _without("rds.restrict_password_commands"),
    ),
    _case(
        "pg-conn-logs",
        _with("log_connections", "0"),
        _without("log_connections"),
        _with("log_disconnections", "off"),
        _without("log_disconnections"),
    ),
    _case("pg-lock-logs", _with("log_lock_waits", "0"), _without("log_lock_waits")),
    _case(
        "pg-audit",
        _with("pgaudit.log", "ddl"),
        _with("pgaudit.log", "role"),
        _with("pgaudit.log", "none"),
        _without("pgaudit.log"),
        _with("shared_preload_libraries", "pg_stat_statements"),
        _with("shared_preload_libraries", "pg_stat_statements,nopgaudit"),
        _without("shared_preload_libraries"),
    ),
    _case(
        "pg-statement-logs",
        _with("log_statement", "all"),
        _with("log_statement", "none"),
        _without("log_statement"),
        *_each(_with, LOUD, "0"),
        _with("pgaudit.log_parameter", "1"),
        _with("pgaudit.log", "role,ddl,write"),
        _with("pgaudit.log", "all"),
    ),
    _case(
        "pg-timeouts",
        *_each(_with, TIMEOUTS, "0"),
        *_each(_without, TIMEOUTS),
        *_each(_with, TIMEOUTS, "86400000"),
        _with("lock_timeout", "1min"),
    ),
    _case(
        "pg-connections-pinned",
        _with("max_connections", "{DBInstanceClassMemory/9531392}"),
        _with("max_connections", "0"),
        _without("max_connections"),
    ),
)
