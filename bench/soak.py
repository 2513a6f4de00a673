"""DAGs again and again, while tokens and connections live much shorter than they do elsewhere.

`python -m bench.soak --minutes 10` in a checkout: the account refuses tokens that are older than
75 seconds, and Airflow renews its connections after 10. Nobody may be refused, no run may fail, and
no process may be restarted. An environment that is up is used as it is; otherwise one is brought up
with these times, and taken down in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from local.account import service as account
from local.airflow import web
from local.airflow_api import AirflowApi
from local.cluster import service as cluster
from local.commands.common import LOCAL, settings_of, use_account
from local.paths import Paths
from local.proof import entries

DAGS = ("reference", "billing", "marketing")
"""Each runs anew as soon as it has ended, beside the others."""
TOKEN_SECONDS = 75
"""More than the minute for which Airflow uses a token again (`metadata_tokens`)."""
RECYCLE_SECONDS = 10
PROGRESS_SECONDS = 15
RUN_SECONDS = 300
"""When a run that has not ended counts as lost."""
_RECYCLE = re.compile(r"(?<=connectionRecycleSeconds: )\d+")
_POLL_SECONDS = 0.5


@dataclass
class Soak:
    """What was seen so far."""

    begun: datetime
    runs: Counter[str] = field(default_factory=Counter)
    """By their last state."""
    tasks: Counter[str] = field(default_factory=Counter)
    again: int = 0
    """Tries beyond the first."""
    longest_seconds: float = 0
    """Of all tasks."""
    logins: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Login and reason."""
    restarts: int = 0
    """Of containers, since the beginning."""

    @property
    def good(self) -> bool:
        """Whether all is as it has to be."""
        return bool(self.runs) and set(self.runs) == {"success"} and not self._mishaps

    @property
    def _mishaps(self) -> int:
        return self.refused.total() + self.restarts + self.again

    def line(self) -> str:
        """What was seen so far, in a line."""
        seconds = (datetime.now(UTC) - self.begun).total_seconds()
        return (
            f"{seconds:5.0f} s  {self.runs.total()} runs, {self.tasks.total()} tasks, "
            f"{self.logins.total()} logins, {self.refused.total()} rejected, "
            f"{self.restarts} restarts"
        )

    def report(self) -> Iterator[str]:
        """All that was seen, in lines."""
        yield f"runs             {_counted(self.runs)}"
        yield f"tasks            {_counted(self.tasks)}; {self.again} tried again"
        yield f"longest task     {self.longest_seconds:.1f} s"
        yield f"restarts         {self.restarts}"
        for login, count in sorted(self.logins.items()):
            yield f"logins           {count:5} {login}"
        yield f"rejected logins  {self.refused.total():5}"
        for reason, count in sorted(self.refused.items()):
            yield f"                 {count:5} {reason}"


def soak(paths: Paths, seconds: float, progress: Callable[[str], None]) -> Soak:
    """Run the DAGs for so long, and then those to their end that have begun."""
    (environment,) = settings_of(paths, LOCAL).environments
    api = web(paths, environment).api(paths)
    seen = Soak(begun=datetime.now(UTC))
    restarts = _restarts(paths)
    begun = told = time.monotonic()
    running: dict[str, tuple[str, float]] = {}
    while (now := time.monotonic()) - begun < seconds or running:
        if now - begun < seconds:
            for dag in DAGS:
                if dag not in running:
                    running[dag] = api.begin(dag), now
        for dag, (run, since) in tuple(running.items()):
            state = api.state(dag, run)
            if state in {"success", "failed"} or now - since > RUN_SECONDS:
                _count(seen, api, dag, run, state)
                del running[dag]
        if now - told >= PROGRESS_SECONDS or not running:
            _look(seen, paths, restarts)
            progress(seen.line())
            told = now
        time.sleep(_POLL_SECONDS)
    _look(seen, paths, restarts)
    return seen


def _count(seen: Soak, api: AirflowApi, dag: str, run: str, state: str) -> None:
    seen.runs[state] += 1
    for task in api.tasks(dag, run):
        seen.tasks[task.state] += 1
        seen.again += max(0, task.tries - 1)
        seen.longest_seconds = max(seen.longest_seconds, task.seconds)


def _look(seen: Soak, paths: Paths, restarts: int) -> None:
    seen.logins.clear()
    seen.refused.clear()
    for one in entries(paths.endpoint_logs, seen.begun):
        if one.event == "in":
            seen.logins[one.user] += one.count
        else:
            seen.refused[f"{one.user}: {one.reason}"] += one.count
    seen.restarts = _restarts(paths) - restarts


def _restarts(paths: Paths) -> int:
    return sum(one.restarts for one in cluster.status(paths).components)


def _counted(many: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(many.items())) or "none"


@contextlib.contextmanager
def shortened(stack_file: Path) -> Iterator[None]:
    """Let connections be renewed early in the settings of a stack, for a while."""
    text = stack_file.read_text(encoding="utf-8")
    stack_file.write_text(_RECYCLE.sub(str(RECYCLE_SECONDS), text), encoding="utf-8")
    try:
        yield
    finally:
        stack_file.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _environment(paths: Paths) -> Iterator[None]:
    """Use the environment that is up, or bring one up with short times."""
    if account.status(paths).pid is not None:
        print("the environment that is up is used, with the times that it has")
        yield
        return
    command = [sys.executable, "-m", "local"]
    try:
        with shortened(paths.root / f"Pulumi.{LOCAL}.yaml"):
            times = {"LOCAL_TOKEN_SECONDS": str(TOKEN_SECONDS)}
            subprocess.run([*command, "up"], env={**os.environ, **times}, check=True)
        yield
    finally:
        subprocess.run([*command, "down"], check=True)


def main() -> int:
    """Run it and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    paths = Paths(Path.cwd())
    with _environment(paths):
        use_account(paths)
        seen = soak(paths, minutes * 60, lambda line: print(line, flush=True))
    print("\n" + "\n".join(seen.report()))
    return 0 if seen.good else 1


if __name__ == "__main__":
    sys.exit(main())
