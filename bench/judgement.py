"""Seconds and memory of `make policy` beside those of `make preview`, which judges nothing.

`python -m bench.judgement`: both commands in turns, for `prod` as committed and for `local` with
10, 100 and 1,000 workflows; its stack file has other workflows meanwhile. `program` and `rules` are
the project's own part, in a process of its own: evaluating the program, and asking all rules.
Memory is the largest resident set of any process of the command.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.many_workflows import declared as declaring
from bench.results import Machine, Table, arguments, median, show

COUNTS = {None: 3, 10: 3, 100: 3, 1000: 1}
"""Workflows to rounds; None is `prod` with its own."""
QUICK = {None: 1}
_KIB_PER_MIB = 1024 if sys.platform != "darwin" else 2**20

Sample = Mapping[str, float]


def own_part(root: Path, stack: str) -> Sample:
    """Evaluate the program and ask the rules once, in this process."""
    # Only where it is measured: imports are not what is compared.
    from local.judging.environments import environment_of  # noqa: PLC0415
    from local.judging.graph import declared  # noqa: PLC0415
    from policies.judgement import judge  # noqa: PLC0415
    from policies.rules import RULES  # noqa: PLC0415

    environment = environment_of(root, stack, today=datetime.now(UTC).date())
    begun = time.perf_counter()
    graph = declared(root, stack, assumed=True)
    evaluated = time.perf_counter()
    judge(RULES, graph, environment)
    return {
        "resources": len(graph.resources),
        "program": evaluated - begun,
        "rules": time.perf_counter() - evaluated,
    }


def measured(root: Path, count: int | None, rounds: int) -> Mapping[str, str | float]:
    """Run the commands in turns; return the row of the table, of medians."""
    stack = "prod" if count is None else "local"
    with contextlib.nullcontext() if count is None else declaring(root, count):
        samples = [_round(root, stack) for _ in range(rounds)]
    middle = {key: median(one[key] for one in samples) for key in samples[0]}
    return {
        "stack": stack if count is None else f"{stack}, {count:,} workflows",
        **middle,
        "resources": int(middle["resources"]),
        "ratio": middle["policy"] / middle["preview"],
    }


def _round(root: Path, stack: str) -> Sample:
    preview, _ = _timed(root, "local", "preview", "--env", stack)
    policy, mib = _timed(root, "local", "policy", "--env", stack)
    once = [sys.executable, "-m", "bench.judgement", "--once", stack]
    own = json.loads(subprocess.run(once, cwd=root, stdout=subprocess.PIPE, check=True).stdout)
    print(f"{stack}: preview {preview:.1f} s, policy {policy:.1f} s", file=sys.stderr)
    return {**own, "preview": preview, "policy": policy, "MiB": mib}


def _timed(root: Path, *module: str) -> tuple[float, float]:
    """Seconds of a command, and the MiB of the largest of its processes.

    Raises:
        SystemExit: it failed.
    """
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *module], cwd=root, stdout=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"`python -m {' '.join(module)}` ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss / _KIB_PER_MIB


def main() -> int:
    """Measure and print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--once", metavar="STACK")
    given = parser.parse_args()
    root = Path.cwd()
    if given.once:
        print(json.dumps(own_part(root, given.once)))
        return 0
    machine = Machine()
    rows = [
        measured(root, count, rounds)
        for count, rounds in (QUICK if given.quick else COUNTS).items()
    ]
    columns = {
        "stack": "", "resources": "", "preview": ".1f", "policy": ".1f", "ratio": ".2f",
        "program": ".1f", "rules": ".2f", "MiB": ".0f",
    }  # fmt: skip
    show(
        [Table(title="judging, seconds", columns=columns, rows=rows)],
        machine,
        (),
        as_json=given.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
