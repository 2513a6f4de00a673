"""`make mutants`: breaks one property at a time in our stacks, and tells who is killed by what.

It prints what `docs/mutants.md` is to be; status 1 if a mutant lives that nothing lets live, or if
an entry of `living.yaml` lets none live.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from local.judging.environments import environment_of
from local.judging.graph import declared
from tests.policies.killing import Fate, fates, let_live, living
from tests.policies.killing_elsewhere import killed_elsewhere
from tests.policies.mutations import mutants

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("dev", "prod", "local")
"""`local` has what the others lack: a login that is rotated."""


HEAD = """\
# Mutants

In our own stacks, `dev`, `prod` and `local`, one property at a time is broken: a flag is turned
round, a number becomes 0, a text another one, a list empty, each of them goes away, and each
statement of a policy document gets wider by one word. A mutant is killed when a rule refuses it, or
advises against it, that says nothing of the stack as it is. The other judges are Checkov, cfn-lint,
parliament and Pod Security; they are asked about the mutants of resources of AWS, and of
Kubernetes' objects that keep their names.

    make mutants > docs/mutants.md
"""
REASONS = """
## Let live, and why

| type | property | what was done | mutants | why |
|---|---|---|---|---|"""


def main() -> int:
    """Judge all mutants."""
    everything: list[tuple[str, Fate]] = []
    for name in STACKS:
        begun = time.monotonic()
        stack = declared(ROOT, name, assumed=True)
        environment = environment_of(ROOT, name, today=datetime.now(UTC).date())
        changed = list(mutants(stack))
        others = killed_elsewhere(stack, changed, ROOT)
        for number, one in enumerate(fates(stack, environment, changed)):
            everything.append((name, replace(one, by_others=number in others)))
        print(f"{name}: {len(changed)} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(HEAD)
    for line in table([one for _, one in everything]):
        print(line)
    print(REASONS)
    for line in reasons([one for _, one in everything]):
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
        "of these by the other judges too": lambda one: one.rules and one.by_others,
        "by the other judges alone": lambda one: one.by_others and not one.rules,
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


def reasons(found: list[Fate]) -> Iterator[str]:
    """Each entry of `living.yaml`, and how many it lets live."""
    counts = Counter(let_live(one.mutant) for one in found if not one.rules and not one.elsewhere)
    for entry in living():
        yield (
            f"| `{entry.type}` | `{entry.property}` | {entry.operator.replace('*', 'any')} | "
            f"{counts[entry]} | {entry.reason} |"
        )


if __name__ == "__main__":
    sys.exit(main())
