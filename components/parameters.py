"""Server parameters of both instances, by purpose.

They are guards and records: what a login may reach is decided by roles and grants. A session may
change its own timeouts, so those stop accidents, not attackers.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_MAX_CONNECTIONS = 10
"""Below this PostgreSQL's own workers and RDS's reserved slots leave nothing for clients."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One server parameter; times are milliseconds, as RDS wants them."""

    name: str
    value: str
    static: bool = False
    """Whether it takes a restart; RDS refuses to apply a static one at once."""

    @property
    def apply_method(self) -> str:
        """RDS's word for when it takes effect."""
        return "pending-reboot" if self.static else "immediate"


def server_parameters(max_connections: int) -> tuple[Parameter, ...]:
    """The parameters of an instance that may hold `max_connections` connections."""
    return (*_ENCRYPTION, *_PASSWORDS, *_AUDIT, *_TIMEOUTS, *_capacity(max_connections))


def _capacity(max_connections: int) -> tuple[Parameter, ...]:
    # Pinned, as RDS's own formula follows the memory that is left, a little less than the class
    # has: the budget would be computed with one number and the server run with another.
    return (Parameter(name="max_connections", value=str(max_connections), static=True),)


_ENCRYPTION = (
    Parameter(name="rds.force_ssl", value="1"),
    Parameter(name="ssl_min_protocol_version", value="TLSv1.2"),
)

# There should be no passwords at all; one that somebody sets anyway is hashed with SCRAM, and only
# members of rds_password may set it. The provisioner has to be one: the postgresql plugin gives
# every role that it creates a VALID UNTIL, which RDS counts among the password commands.
_PASSWORDS = (
    Parameter(name="password_encryption", value="scram-sha-256"),
    Parameter(name="rds.accepted_password_auth_method", value="scram"),
    Parameter(name="rds.restrict_password_commands", value="1", static=True),
)

# Who came and went, and what was changed by whom. Statements that read or write rows are not
# logged: their values are the customers' data.
_AUDIT = (
    Parameter(name="log_connections", value="1"),
    Parameter(name="log_disconnections", value="1"),
    Parameter(name="log_statement", value="ddl"),
    Parameter(name="log_lock_waits", value="1"),
    Parameter(name="shared_preload_libraries", value="pg_stat_statements,pgaudit", static=True),
    Parameter(name="pgaudit.log", value="role,ddl"),
)

_TIMEOUTS = (
    # A transaction that is left open holds its locks and keeps vacuum from cleaning up.
    Parameter(name="idle_in_transaction_session_timeout", value="300000"),
    # A connection that nobody uses is a slot less. Longer than the half hour after which
    # Airflow's own pools renew theirs.
    Parameter(name="idle_session_timeout", value="3600000"),
    # A queue behind a lock becomes a storm of waiting tasks.
    Parameter(name="lock_timeout", value="60000"),
    # When a task's pod is killed, its statement would otherwise run on to its end.
    Parameter(name="client_connection_check_interval", value="10000"),
)
