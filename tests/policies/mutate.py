"""`make mutants`: breaks one property at a time in our stacks, and tells who is killed by what.

It prints the table of `docs/mutants.md`; status 1 if a mutant lives that nothing lets live, or if
an entry of `living.yaml` lets none live.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from local.judging.environments import environment_of
from local.judging.graph import declared
from tests.policies.killing import Fate, fates, let_live, living
from tests.policies.mutations import mutants

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("dev", "prod", "local")
"""`local` has what the others lack: a login that is rotated."""


def main() -> int:
    """Judge all mutants."""
    everything: list[tuple[str, Fate]] = []
    for name in STACKS:
        begun = time.monotonic()
        stack = declared(ROOT, name, assumed=True)
        environment = environment_of(ROOT, name, today=datetime.now(UTC).date())
        found = list(fates(stack, environment, mutants(stack)))
        print(f"{name}: {len(found)} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        everything += [(name, one) for one in found]
    for line in table([one for _, one in everything]):
        print(line)
    at_large = [one for one in everything if _is_at_large(one[1])]
    for name, one in at_large:
        mutant = one.mutant
        print(
            f"lives: {name} {mutant.type} {mutant.name} {mutant.path}: {mutant.operator}",
            file=sys.stderr,
        )
    used = {let_live(one.mutant) for _, one in everything if not one.rules}
    idle = [one for one in living() if one not in used]
    for entry in idle:
        print(f"lets none live: {entry.type} {entry.property}", file=sys.stderr)
    return 1 if at_large or idle else 0


def _is_at_large(one: Fate) -> bool:
    return not (one.rules or one.elsewhere or let_live(one.mutant))


def table(found: list[Fate]) -> Iterator[str]:
    """Each type with its mutants."""
    columns: dict[str, Callable[[Fate], object]] = {
        "mutants": lambda _one: True,
        "killed": lambda one: one.rules,
        "let live by the environment": lambda one: one.elsewhere,
        "let live for a reason": lambda one: not one.rules and not one.elsewhere,
    }
    yield f"| type | {' | '.join(columns)} |"
    yield "|---|" + "---|" * len(columns)
    counts = {
        name: Counter(one.mutant.type for one in found if counts_it(one))
        for name, counts_it in columns.items()
    }
    for type_ in sorted(counts["mutants"]):
        yield f"| {type_} | {' | '.join(str(one[type_]) for one in counts.values())} |"
    yield f"| all | {' | '.join(str(one.total()) for one in counts.values())} |"


if __name__ == "__main__":
    sys.exit(main())
