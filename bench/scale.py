"""`make up` from nothing and unchanged, with 1, 10 and 100 workflows, without Airflow.

`python -m bench.scale` in a checkout where nothing is up; its stack file has other workflows
meanwhile. Seconds are of the whole command, its proof with real logins included, and of the program
alone: from the line that says that it is applied to the one that counts what was done.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.local_environment import UP, down
from bench.many_workflows import declared
from bench.results import Machine, Table, arguments, show
from local.paths import Paths

COUNTS = (1, 10, 100)
QUICK_COUNTS = (1,)
_COUNTED = re.compile(r"^program +\d+ ")


@dataclass(frozen=True, kw_only=True)
class Up:
    """One `make up`."""

    seconds: float
    program: float
    """Seconds that the program took, of these."""


def up(paths: Paths) -> Up:
    """Bring the environment up, or up to date.

    Raises:
        SystemExit: it failed, with what it printed.
    """
    begun, applied, counted = time.perf_counter(), 0.0, 0.0
    process = subprocess.Popen(UP, cwd=paths.root, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if line.startswith("program  applied by"):
            applied = time.perf_counter()
        elif _COUNTED.match(line):
            counted = time.perf_counter()
    if process.wait() != 0:
        raise SystemExit(f"`make up` failed:\n{''.join(lines)}")
    return Up(seconds=time.perf_counter() - begun, program=counted - applied)


def measured(paths: Paths, count: int) -> Mapping[str, float]:
    """Bring `count` workflows up from nothing and again; return the row of the table."""
    with declared(paths.root, count):
        try:
            first, again = up(paths), up(paths)
            resources = len(json.loads(paths.state.read_text(encoding="utf-8"))["resources"])
        finally:
            down(paths)
    return {
        "workflows": count,
        "resources": resources,
        "from nothing": first.seconds,
        "program": first.program,
        "ms each": first.program / resources * 1000,
        "unchanged": again.seconds,
        "program again": again.program,
        "ms each again": again.program / resources * 1000,
    }


def main() -> int:
    """Measure and print the table."""
    given = arguments(__doc__).parse_args()
    paths = Paths(Path.cwd())
    if paths.local.exists():
        raise SystemExit("a local environment is there: run `make down` first")
    machine = Machine()
    rows = []
    for count in QUICK_COUNTS if given.quick else COUNTS:
        rows.append(measured(paths, count))
        print(f"{count} workflows: {rows[-1]}", file=sys.stderr)
    columns = {
        "workflows": "", "resources": "", "from nothing": ".1f", "program": ".1f",
        "ms each": ".1f", "unchanged": ".1f", "program again": ".1f", "ms each again": ".1f",
    }  # fmt: skip
    table = Table(title="`make up`, seconds", columns=columns, rows=rows)
    show([table], machine, (), as_json=given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
