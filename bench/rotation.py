"""A rotation beside the plainest script that does the same, and clients with and without rotations.

`python -m bench.rotation` anywhere: it has an account and an instance of its own, and takes both
down in the end. The script puts a password, tells PostgreSQL as the master user, logs in and moves
the label; it proves nothing, repeats nothing, and the password is in the server's log. Secrets
Manager is called over HTTP, logins are `verify-full`, and neither pays for the start of a process.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from psycopg import sql

from bench.results import Machine, Table, arguments, median, p95, show
from bench.rotating_account import RotatingAccount, rotating_account
from bench.rotating_function import Function
from bench.rotation_clients import CLIENTS, Round, clients
from lambdas.rotate_postgres.credential import Credential

ROTATIONS, QUICK_ROTATIONS = 100, 5
"""Of each kind, in turns."""
ROUNDS, QUICK_ROUNDS = 7, 1
"""With rotations and without, in turns."""
SECONDS, QUICK_SECONDS = 10.0, 2.0
"""That a round takes."""
EVERY = 2.0
"""Seconds from one rotation to the next."""
PAUSES = (0.05, 0.0)
"""Seconds between two queries of a client; without any, the machine is at its limit."""


class Plain:
    """The plainest script."""

    CALLS, LOGINS = 3.0, 2.0
    """Of each rotation."""

    def __init__(self, account: RotatingAccount) -> None:
        self._account = account
        self._secrets = account.client("secretsmanager")

    def rotate(self) -> float:
        """Rotate; the seconds that it took."""
        begun = time.perf_counter()
        secret = self._account.rotation.secret
        version = secrets.token_hex(16)
        held = self._secrets.get_secret_value(SecretId=secret)
        login = self._account.rotation.other(json.loads(held["SecretString"])["username"])
        password = secrets.token_urlsafe(24)
        self._secrets.put_secret_value(
            SecretId=secret,
            ClientRequestToken=version,
            SecretString=Credential(username=login, password=password).text(self._account.rotation),
            VersionStages=["AWSPENDING"],
        )
        with closing(self._account.as_master()) as session:
            alter = sql.SQL("ALTER ROLE {} PASSWORD {}")
            session.execute(alter.format(sql.Identifier(login), sql.Literal(password)))
        with closing(self._account.log_in(login, password)) as session:
            session.execute("SELECT 1")
        self._secrets.update_secret_version_stage(
            SecretId=secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=version,
            RemoveFromVersionId=held["VersionId"],
        )
        return time.perf_counter() - begun


def measured(account: RotatingAccount, function: Function, rotations: int) -> Table:
    """Rotate by the function and by the script, in turns."""
    plain = Plain(account)
    ways: Mapping[str, Callable[[], float]] = {"function": function.rotate, "script": plain.rotate}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for rotate in ways.values():
        rotate()
    function.calls = function.logins = 0
    for _ in range(rotations):
        for way, rotate in ways.items():
            seconds[way].append(rotate())
    done = {
        "function": (function.calls / rotations, function.logins / rotations),
        "script": (plain.CALLS, plain.LOGINS),
    }
    rows: list[Mapping[str, str | float]] = [
        {
            "rotation by": way,
            "rotations": rotations,
            "calls of AWS": done[way][0],
            "logins": done[way][1],
            "median ms": median(taken) * 1000,
            "p95 ms": p95(taken) * 1000,
            "ratio of medians": median(taken) / median(seconds["script"]),
        }
        for way, taken in seconds.items()
    ]
    columns = {
        "rotation by": "", "rotations": "", "calls of AWS": ".0f", "logins": ".0f",
        "median ms": ".1f", "p95 ms": ".1f", "ratio of medians": ".2f",
    }  # fmt: skip
    return Table(title="four steps, ratio to the script", columns=columns, rows=rows)


@contextmanager
def rotating(function: Function) -> Iterator[list[float]]:
    """Rotate again and again; the seconds of each rotation."""
    ended, done = threading.Event(), list[float]()

    def go_on() -> None:
        while not ended.is_set():
            begun = time.monotonic()
            done.append(function.rotate())
            ended.wait(EVERY - (time.monotonic() - begun))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def loaded(
    account: RotatingAccount, function: Function, pause: float, rounds: int, seconds: float
) -> Mapping[str, str | float]:
    """Have clients, with rotations and without, in turns."""
    without: list[Round] = []
    beside: list[Round] = []
    rotations = 0
    with clients(account, pause) as process:
        # Until all of them are in, and have been in once.
        process.send(seconds)
        process.recv()
        for _ in range(rounds):
            process.send(seconds)
            without.append(process.recv())
            with rotating(function) as done:
                process.send(seconds)
                beside.append(process.recv())
            rotations += len(done)
    ratios = [
        (one.queries / one.seconds) / (other.queries / other.seconds)
        for one, other in zip(beside, without, strict=True)
    ]
    return {
        "pause ms": pause * 1000,
        "rotations": rotations,
        "logins": sum(one.logins for one in beside),
        "failed": sum(one.failed for one in (*beside, *without)),
        "queries/s": median(one.queries / one.seconds for one in without),
        "rotating": median(one.queries / one.seconds for one in beside),
        "ratio": median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
    }


def main() -> int:
    """Measure and print the tables."""
    given = arguments(__doc__).parse_args()
    machine = Machine()
    with rotating_account() as account:
        function = Function(account)
        with function.configured():
            first = measured(account, function, QUICK_ROTATIONS if given.quick else ROTATIONS)
            rows = [
                loaded(
                    account,
                    function,
                    pause,
                    QUICK_ROUNDS if given.quick else ROUNDS,
                    QUICK_SECONDS if given.quick else SECONDS,
                )
                for pause in PAUSES
            ]
    columns = {
        "pause ms": ".0f", "rotations": "", "logins": "", "failed": "", "queries/s": ".0f",
        "rotating": ".0f", "ratio": ".2f", "lowest": ".2f", "highest": ".2f",
    }  # fmt: skip
    title = f"{CLIENTS} clients, a rotation every {EVERY:.0f} s or none"
    show([first, Table(title=title, columns=columns, rows=rows)], machine, (), as_json=given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
