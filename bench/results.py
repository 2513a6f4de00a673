"""What all measurements share: the middle of several values, the machine, and the printed table."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import psutil


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What was measured on, as it was when the measurement began."""

    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_gib: int = field(default_factory=lambda: round(psutil.virtual_memory().total / 2**30))
    python: str = field(default_factory=platform.python_version)
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """Processes that ran or waited for a processor, on average over the last minute."""

    def line(self) -> str:
        """The same in words."""
        return (
            f"{self.cores} cores, {self.memory_gib} GiB, Python {self.python}; "
            f"load at the start {self.load}"
        )


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of results, all with the same keys; a float is printed as its column's format says."""

    title: str
    columns: Mapping[str, str]
    """Key to format, such as `{"seconds": ".2f"}`; text and whole numbers take an empty one."""
    rows: Sequence[Mapping[str, str | float]]

    def lines(self) -> Iterable[str]:
        """The table in Markdown."""
        yield f"| {' | '.join(self.columns)} |"
        yield "|" + "---|" * len(self.columns)
        for row in self.rows:
            cells = (_cell(row[key], form) for key, form in self.columns.items())
            yield f"| {' | '.join(cells)} |"


def show(
    tables: Sequence[Table], machine: Machine, remarks: Sequence[str], *, as_json: bool
) -> None:
    """Print the results: Markdown as it belongs into the README, or one JSON document."""
    if as_json:
        document = {
            "machine": asdict(machine),
            "tables": {table.title: list(table.rows) for table in tables},
            "remarks": remarks,
        }
        print(json.dumps(document, indent=2))
        return
    print(machine.line())
    for table in tables:
        print(f"\n{table.title}:\n")
        for line in table.lines():
            print(line)
    for remark in remarks:
        print(f"\n{remark}")


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def p95(values: Iterable[float]) -> float:
    """The smallest value that 95 of 100 do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser of the options that all measurements have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--quick", action="store_true", help="a small try, in under 20 s")
    return parser


def _cell(value: str | float, form: str) -> str:
    return format(value, form) if isinstance(value, float) else str(value)
