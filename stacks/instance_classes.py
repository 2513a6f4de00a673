"""The RDS instance classes that PostgreSQL may run on here, and their memory.

Only memory is kept, because it decides how many connections there are. A class that is missing is
one word in the table below; prices, processors and networks are AWS's to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_BURSTABLE = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
"""Size to GiB, for the t families."""

_FACTORS = {
    "large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16, "12xlarge": 24,
    "16xlarge": 32, "24xlarge": 48, "32xlarge": 64, "48xlarge": 96,
}  # fmt: skip
"""Size to multiples of `large`, which has 8 GiB in the m families and 16 GiB in the r families."""

_LARGEST = {"m5": 24, "m6g": 16, "m6i": 32, "m7g": 16, "m7i": 48, "m8g": 48,
            "r5": 24, "r6g": 16, "r6i": 32, "r7g": 16, "r7i": 48, "r8g": 48}  # fmt: skip
"""Family to its largest size, `<number>xlarge`."""


def _fixed(family: str, largest: str) -> Iterable[tuple[str, int]]:
    gib = 8 if family.startswith("m") else 16
    for size, factor in _FACTORS.items():
        if factor <= _FACTORS[largest]:
            yield f"db.{family}.{size}", gib * factor


MEMORY_GIB: Mapping[str, int] = {
    **{f"db.{family}.{size}": gib for family in ("t3", "t4g") for size, gib in _BURSTABLE.items()},
    **{
        name: gib
        for family, largest in _LARGEST.items()
        for name, gib in _fixed(family, f"{largest}xlarge")
    },
}
"""Instance class to its nominal memory in GiB ("Hardware specifications for DB instance classes" in
the RDS user guide), smallest first within a family."""


def family(instance_class: str) -> tuple[str, ...]:
    """All classes of the same family, smallest first."""
    prefix = instance_class.rpartition(".")[0] + "."
    return tuple(name for name in MEMORY_GIB if name.startswith(prefix))


def families() -> tuple[str, ...]:
    """All families, such as `db.m7g`."""
    return tuple(dict.fromkeys(name.rpartition(".")[0] for name in MEMORY_GIB))
