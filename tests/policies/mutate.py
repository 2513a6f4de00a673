"""`make mutants`: breaks one property at a time in our stacks, and tells who is killed by what.

It prints the table of `docs/mutants.md`; status 1 if a mutant lives that nothing lets live, or if
an entry of `living.yaml` lets none live.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from local.judging.environments import environment_of
from local.judging.graph import declared
from tests.policies.killing import Fate, Living, fates, let_live, living
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
    at_large = [
        (name, one) for name, one in everything if not one.rules and not let_live(one.mutant)
    ]
    for name, one in at_large:
        mutant = one.mutant
        print(
            f"lives: {name} {mutant.type} {mutant.name} {mutant.path}: {mutant.operator}",
            file=sys.stderr,
        )
    idle = [one for one in living() if one not in used(one for _, one in everything)]
    for entry in idle:
        print(f"lets none live: {entry.type} {entry.property}", file=sys.stderr)
    return 1 if at_large or idle else 0


def used(found: Iterator[Fate]) -> set[Living]:
    """The entries of `living.yaml` that let something live."""
    return {entry for one in found if not one.rules and (entry := let_live(one.mutant))}


def table(found: list[Fate]) -> Iterator[str]:
    """Each type with its mutants."""
    mutated = Counter(one.mutant.type for one in found)
    killed = Counter(one.mutant.type for one in found if one.rules)
    yield "| type | mutants | killed | let live |"
    yield "|---|---|---|---|"
    for type_, number in sorted(mutated.items()):
        yield f"| {type_} | {number} | {killed[type_]} | {number - killed[type_]} |"
    yield f"| all | {mutated.total()} | {killed.total()} | {mutated.total() - killed.total()} |"


if __name__ == "__main__":
    sys.exit(main())
