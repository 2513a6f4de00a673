"""Seconds and memory of evaluating the program, beside the same number of bare registrations.

`python -m bench.evaluate`: the program of the `local` stack with 10, 100 and 1,000 workflows under
the engine's own monitor, which carries nothing out here. Beside it, in turns, a program without
any logic that registers the same resources with the same inputs (`bench.registrations`), and the
same again with each resource's parent and dependencies. Each evaluation has a process of its own;
its peak memory is the largest resident set that the kernel counted (getrusage). On a busy machine
the processor's seconds say more than the clock's: ratios are of those.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.results import Machine, Table, arguments, median, show

OURS, BARE, EDGES = "ours", "bare", "edges"
VARIANTS = (OURS, BARE, EDGES)
COUNTS = {10: 5, 100: 5, 1000: 3}
"""Workflows to rounds; 1,000 take minutes a round."""
QUICK = {3: 1}
_MAXRSS_PER_MIB = 2**20 if sys.platform == "darwin" else 2**10

Sample = Mapping[str, float]


def evaluated(variant: str, count: int, file: Path) -> dict[str, float]:
    """Evaluate once, in this process; `file` keeps the registrations of ours for the others."""
    # Only where it is measured: the process that starts the others has to stay small, as theirs
    # begin with its memory.
    from bench import registrations  # noqa: PLC0415
    from bench.many_workflows import with_workflows  # noqa: PLC0415
    from local.deploy.program import main_program  # noqa: PLC0415
    from stacks.settings import stack_configuration  # noqa: PLC0415

    root = Path.cwd()
    begun, busy = time.perf_counter(), time.process_time()
    if variant == OURS:
        config = with_workflows(stack_configuration(root, registrations.STACK), count)
        made = registrations.evaluate(main_program(root), root, config)
    else:
        made = registrations.evaluate(
            lambda: registrations.bare(file, edges=variant == EDGES), root
        )
    sample = {
        "resources": len(made),
        "seconds": time.perf_counter() - begun,
        "processor": time.process_time() - busy,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MIB,
    }
    if variant == OURS:
        registrations.save(made, file)
    elif different := registrations.difference(made, file):
        raise SystemExit(f"the bare program is not the same: {different}")
    return sample


def measured(counts: Mapping[int, int]) -> dict[int, dict[str, dict[str, float]]]:
    """Evaluate all variants in turns; return medians by number of workflows and variant."""
    results: dict[int, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count, rounds in counts.items():
            samples: dict[str, list[Sample]] = {variant: [] for variant in VARIANTS}
            for number in range(rounds):
                for variant in VARIANTS:
                    sample = _in_a_process(variant, count, Path(folder) / f"{count}.jsonl")
                    samples[variant].append(sample)
                    print(
                        f"{count} workflows, round {number + 1} of {rounds}, {variant}: "
                        f"{sample['processor']:.1f} s of a processor",
                        file=sys.stderr,
                    )
            results[count] = {
                variant: {key: median(one[key] for one in many) for key in many[0]}
                for variant, many in samples.items()
            }
    return results


def _in_a_process(variant: str, count: int, file: Path) -> Sample:
    command = [sys.executable, "-m", "bench.evaluate", "--once", variant, str(count), str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    sample: Sample = json.loads(done.stdout)
    return sample


def tables(results: Mapping[int, Mapping[str, Mapping[str, float]]]) -> list[Table]:
    """The results as they belong into the README."""
    rows = [
        {
            "workflows": count,
            "resources": int(of[OURS]["resources"]),
            "ours": of[OURS]["seconds"],
            "processor": of[OURS]["processor"],
            "bare": of[BARE]["processor"],
            "ratio": of[OURS]["processor"] / of[BARE]["processor"],
            "ratio, same edges": of[OURS]["processor"] / of[EDGES]["processor"],
            "ms each": of[OURS]["processor"] / of[OURS]["resources"] * 1000,
            "MiB": of[OURS]["mib"],
            "MiB bare": of[BARE]["mib"],
            "MiB ratio": of[OURS]["mib"] / of[BARE]["mib"],
        }
        for count, of in results.items()
    ]
    columns = {
        "workflows": "", "resources": "", "ours": ".1f", "processor": ".1f", "bare": ".1f",
        "ratio": ".2f", "ratio, same edges": ".2f", "ms each": ".2f",
        "MiB": ".0f", "MiB bare": ".0f", "MiB ratio": ".2f",
    }  # fmt: skip
    return [Table(title="evaluating the program", columns=columns, rows=rows)]


def slope(results: Mapping[int, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """How time and resources grew from the second largest number of workflows to the largest."""
    if len(results) < 2:
        return []
    small, large = sorted(results)[-2:]

    def growth(variant: str, key: str) -> float:
        return results[large][variant][key] / results[small][variant][key]

    grown = (
        f"ours takes {growth(OURS, 'processor'):.2f} times as long, "
        f"the bare one {growth(BARE, 'processor'):.2f}, "
        f"with the same edges {growth(EDGES, 'processor'):.2f}"
    )
    resources = f"{growth(OURS, 'resources'):.2f} times the resources"
    return [f"From {small} to {large:,} workflows: {resources}; {grown}."]


def main() -> int:
    """Measure and print, or measure one evaluation."""
    parser = arguments(__doc__)
    parser.add_argument("--workflows", type=int, nargs="+", help="instead of 10, 100 and 1,000")
    parser.add_argument("--rounds", type=int, help="instead of 5, and 3 of 1,000 workflows")
    parser.add_argument("--once", nargs=3, metavar=("VARIANT", "COUNT", "FILE"))
    given = parser.parse_args()
    if given.once:
        variant, count, file = given.once
        print(json.dumps(evaluated(variant, int(count), Path(file))))
        return 0
    machine = Machine()
    counts = QUICK if given.quick else COUNTS
    if given.workflows:
        counts = {count: COUNTS.get(count, 3) for count in given.workflows}
    if given.rounds:
        counts = dict.fromkeys(counts, given.rounds)
    results = measured(counts)
    show(tables(results), machine, slope(results), as_json=given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
