"""Whether a component is well: what the probes of its pod run. Exit code 0, or 1 and a sentence.

    command: [python, /opt/airflow/config/probe_health.py, WHAT]

    component      probe      WHAT             period  timeout  failures
    api-server     startup    api-server        2 s    10 s     90
    api-server     readiness  api-server       10 s    10 s      3
    api-server     liveness   api-server-alive 20 s    10 s      6
    scheduler      startup    scheduler         2 s     5 s     90
    scheduler      liveness   scheduler        30 s     5 s      3
    dag-processor  startup    dag-processor     2 s     5 s     90
    dag-processor  liveness   dag-processor    30 s     5 s      3
    triggerer      startup    triggerer         2 s     5 s     90
    triggerer      liveness   triggerer        30 s     5 s      3

The API server's health is in the body of its answer: the status is 200 whatever is in it. For the
other three it is their heartbeat, which `metadata_engine` marks in a file when Airflow has written
it to the database. While the database is away nobody can write one, and a restart would mend
nothing: a login that failed lately excuses a missing heartbeat, however long that lasts.

Nothing here opens a connection to the database, needs a credential, or imports more than the
standard library: a probe costs one short start of Python.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request

import health_marks

STALE_SECONDS = 120
"""Since when a heartbeat, usually written every 5 seconds, counts as missing. A server that fell
silent is noticed after some 40 seconds (`metadata_engine.NETWORK`); only then logins fail."""
ANSWER_SECONDS = 8
"""The longest that the API server may take to answer a probe."""


class UnwellError(Exception):
    """The component is not well; the text says why."""


def heartbeat() -> None:
    """See that the component's heartbeat was written lately, or could not be.

    Raises:
        UnwellError: there is none, though the database lets it log in.
    """
    since = health_marks.age(health_marks.HEARTBEAT)
    if since is None:
        raise UnwellError("no heartbeat was written yet")
    away = health_marks.age(health_marks.DATABASE_AWAY)
    if since > STALE_SECONDS and (away is None or away > STALE_SECONDS):
        raise UnwellError(f"the last heartbeat was written {since:.0f} seconds ago")


def api_server() -> None:
    """See that the API server answers tasks too, and reaches the metadata database.

    Raises:
        UnwellError: it does not.
    """
    # Airflow builds what answers tasks at the first such request, which takes ten seconds.
    api_server_alive()
    try:
        metadata = json.loads(_get("/api/v2/monitor/health"))["metadatabase"]["status"]
    except (ValueError, KeyError, TypeError):
        raise UnwellError("the API server's answer is not a health report") from None
    if metadata != "healthy":
        raise UnwellError(f"the API server says that the metadata database is {metadata}")


def api_server_alive() -> None:
    """See that the API server answers at all; what it answers needs no database.

    Raises:
        UnwellError: it does not.
    """
    # Not `/ping` below it: with public keys, that is unwell until somebody has shown a token.
    _get("/execution/health")


PROBES = {
    "api-server": api_server,
    "api-server-alive": api_server_alive,
    "scheduler": heartbeat,
    "dag-processor": heartbeat,
    "triggerer": heartbeat,
}


def _get(path: str) -> bytes:
    host = os.environ.get("AIRFLOW__API__HOST", "0.0.0.0")  # noqa: S104 - where it listens
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - all addresses, so this one
    port = os.environ.get("AIRFLOW__API__PORT", "8080")
    # A proxy of the environment leads out of the pod.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}:{port}{path}", timeout=ANSWER_SECONDS) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise UnwellError(f"the API server answers {path} with {error.code}") from None
    except OSError as error:
        raise UnwellError(f"the API server does not answer {path}: {error}") from None


def main(arguments: list[str]) -> int:
    """Probe what the arguments name and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in PROBES:
        print(f"Name one of {', '.join(PROBES)}, not {' '.join(arguments) or 'nothing'}.")
        return 2
    try:
        PROBES[arguments[0]]()
    except UnwellError as error:
        print(f"{arguments[0]}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
