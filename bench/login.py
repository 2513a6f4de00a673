"""A login by IAM token beside one by SCRAM password: same endpoint, same TLS, from call to ready.

`python -m bench.login` in a checkout: an environment that is up is used as it is; otherwise one is
brought up without Airflow, and taken down in the end. Both are logins of the application instance
without a connection limit, in turns: the master user with a token, as who breaks glass, and one
that is made for this, with a password.
Clients are psycopg's, `verify-full`, one after the other and 16 at once, on the same machine.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from pathlib import Path

import psycopg
from psycopg import sql

from bench.local_environment import brought_up
from bench.results import Machine, Table, arguments, median, p95, show
from components.naming import MASTER_USER
from local.commands.common import LOCAL, settings_of, use_account
from local.login import PREFIX, Access, Instance, Login
from local.paths import Paths

ROLE = "bench_password"
AT_ONCE = 16
LOGINS = 200
"""Of each kind, one after the other and again at once."""
QUICK_LOGINS = 32
BY_TOKEN, BY_SIGNING, BY_PASSWORD = "token", "sign + token", "SCRAM password"


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Three ways to log in."""

    at: Instance
    ca: Path
    token: Callable[[], str]
    """Signs a token for the master user; no call goes out for it."""
    password: str = field(repr=False)

    def seconds(self, way: str) -> float:
        """Log in once; return the seconds until the session is ready for a query."""
        token = self.token() if way == BY_TOKEN else ""
        begun = time.perf_counter()
        if way == BY_PASSWORD:
            session = self._connect(ROLE, self.password)
        else:
            session = self._connect(MASTER_USER, token or self.token())
        seconds = time.perf_counter() - begun
        session.close()
        return seconds

    def signing_seconds(self) -> float:
        """Sign a token; return the seconds."""
        begun = time.perf_counter()
        self.token()
        return time.perf_counter() - begun

    def _connect(self, user: str, password: str) -> psycopg.Connection:
        return psycopg.connect(
            host=self.at.host,
            port=self.at.port,
            user=user,
            password=password,
            dbname=self.at.default_database,
            sslmode="verify-full",
            sslrootcert=str(self.ca),
        )


@contextlib.contextmanager
def clients(paths: Paths) -> Iterator[Clients]:
    """Make the login with a password, and drop it in the end."""
    use_account(paths)
    settings = settings_of(paths, LOCAL)
    access = Access(paths, settings)
    # Into the master's own database, which it may let others in to.
    instance = replace(access.instance("application"), default_database="postgres")

    master = Login(
        name="master",
        environment="",
        user=MASTER_USER,
        role_arn=f"arn:aws:iam::{settings.account}:role/{PREFIX}-application-break-glass",
        profile="break-glass",
    )
    signer = access.session(master).client("rds")
    token = partial(signer.generate_db_auth_token, instance.host, instance.port, MASTER_USER)
    role, password = sql.Identifier(ROLE), secrets.token_hex(32)
    with contextlib.closing(access.connect(master, instance, autocommit=True)) as session:
        let_in = sql.SQL("GRANT CONNECT ON DATABASE postgres TO {}").format(role)
        shut_out = sql.SQL("REVOKE CONNECT ON DATABASE postgres FROM {}").format(role)
        drop = sql.SQL("DROP ROLE {}").format(role)
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        session.execute(create.format(role, sql.Literal(password)))
        try:
            session.execute(let_in)
            yield Clients(at=instance, ca=paths.ca_bundle, token=token, password=password)
        finally:
            session.execute(shut_out)
            session.execute(drop)


def measured(using: Clients, logins: int) -> dict[str, dict[str, list[float]]]:
    """Log in so often each way; return the seconds by how many at once, and way."""
    ways = (BY_TOKEN, BY_SIGNING, BY_PASSWORD)
    for way in ways:
        using.seconds(way)
    alone: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(logins):
        for way in ways:
            alone[way].append(using.seconds(way))
    at_once: dict[str, list[float]] = {way: [] for way in ways}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(logins // AT_ONCE):
            for way in ways:
                at_once[way] += pool.map(using.seconds, repeat(way, AT_ONCE))
    signing = [using.signing_seconds() for _ in range(logins)]
    return {"1": {**alone, "sign alone": signing}, str(AT_ONCE): at_once}


def table(results: Mapping[str, Mapping[str, list[float]]]) -> Table:
    """The results as they belong into the README."""
    rows: list[Mapping[str, str | float]] = [
        {
            "at once": at_once,
            "login by": way,
            "logins": len(seconds),
            "median ms": median(seconds) * 1000,
            "p95 ms": p95(seconds) * 1000,
            "ratio of medians": median(seconds) / median(ways[BY_PASSWORD]),
        }
        for at_once, ways in results.items()
        for way, seconds in ways.items()
    ]
    columns = {
        "at once": "", "login by": "", "logins": "", "median ms": ".1f", "p95 ms": ".1f",
        "ratio of medians": ".2f",
    }  # fmt: skip
    return Table(title="logging in, ratio to SCRAM", columns=columns, rows=rows)


def main() -> int:
    """Measure and print the table."""
    parser = arguments(__doc__)
    given = parser.parse_args()
    machine = Machine()
    paths = Paths(Path.cwd())
    with brought_up(paths), clients(paths) as using:
        results = measured(using, QUICK_LOGINS if given.quick else LOGINS)
    show([table(results)], machine, (), as_json=given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
