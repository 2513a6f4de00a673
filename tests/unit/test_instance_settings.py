"""Settings of an instance that RDS would refuse, or that are unsafe, are refused here first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacks.instance_classes import MEMORY_GIB, families, family
from stacks.settings import Settings

Edits = Mapping[str, Any]
Problems = Callable[[Edits], tuple[str, ...]]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        pytest.param(
            {"metadata.engineVersion": "15.9"},
            'metadata.engineVersion is "15.9"; it must be 16 or later, as before that a role that '
            'may create roles can reset anyone\'s password; choose a later version such as "18".',
            id="engine before 16",
        ),
        pytest.param(
            {"application.engineVersion": "9"},
            'application.engineVersion is "9"; it must be 16 or later, as before that a role that '
            'may create roles can reset anyone\'s password; choose a later version such as "18".',
            id="a version is compared as a number",
        ),
        pytest.param(
            {"metadata.instanceClass": "db.t4g.tiny"},
            'metadata.instanceClass is "db.t4g.tiny"; it must be a class whose memory is known '
            "here, such as db.t4g.micro, db.t4g.small, db.t4g.medium, db.t4g.large, db.t4g.xlarge, "
            "db.t4g.2xlarge; correct it, or add it to stacks/instance_classes.py.",
            id="unknown size",
        ),
        pytest.param(
            {"metadata.instanceClass": "m7g.large"},
            'metadata.instanceClass is "m7g.large"; it must be a class whose memory is known here, '
            "such as db.m7g.large; correct it, or add it to stacks/instance_classes.py.",
            id="no db.",
        ),
        pytest.param(
            {"metadata.instanceClass": "?"},
            'metadata.instanceClass is "?"; it must be a class whose memory is known here, such as '
            f"a class of {', '.join(families())}; correct it, or add it to "
            "stacks/instance_classes.py.",
            id="no class",
        ),
        pytest.param(
            {"metadata.allocatedStorageGib": 100, "metadata.maxAllocatedStorageGib": 109},
            "metadata.maxAllocatedStorageGib is 109; it must be at least 110, a tenth above "
            "allocatedStorageGib, so that the storage can grow before it is full; raise it.",
            id="no room to grow",
        ),
        pytest.param(
            {"application.protected": True, "application.backupRetentionDays": 6},
            "application.backupRetentionDays is 6; it must be at least 7 where "
            "airflow-postgres:application.protected is true; raise it.",
            id="protected without backups",
        ),
        pytest.param(
            {"application.port": 5433},
            "application.port is 5433, as is airflow-postgres:metadata.port; the two must differ, "
            "so that a rule or a token for one instance never fits the other; change one of them.",
            id="one port",
        ),
        pytest.param(
            {"metadata.backupWindow": "01:00-01:29"},
            'metadata.backupWindow is "01:00-01:29", 29 minutes; RDS allows windows from 30 '
            "minutes to a day; move its end.",
            id="short backup",
        ),
        pytest.param(
            {"metadata.maintenanceWindow": "sun:02:30-mon:02:31"},
            'metadata.maintenanceWindow is "sun:02:30-mon:02:31", 1441 minutes; RDS allows windows '
            "from 30 minutes to a day; move its end.",
            id="long maintenance",
        ),
        pytest.param(
            {"metadata.maintenanceWindow": "sun:01:30-sun:02:30"},
            'metadata.maintenanceWindow is "sun:01:30-sun:02:30", which overlaps '
            'airflow-postgres:metadata.backupWindow, "01:00-02:00"; RDS does not allow that; '
            "move one of them.",
            id="overlap",
        ),
    ],
)
def test_an_instance_that_cannot_work_is_refused(
    problems: Problems, edits: Edits, sentence: str
) -> None:
    assert problems(edits)[0] == f"airflow-postgres:{sentence}"


@pytest.mark.parametrize(
    "edits",
    [
        {"metadata.engineVersion": "16"},
        {"metadata.engineVersion": "16.10"},
        {"metadata.allocatedStorageGib": 100, "metadata.maxAllocatedStorageGib": 110},
        {"metadata.protected": True, "metadata.backupRetentionDays": 7},
        {"metadata.protected": False, "metadata.backupRetentionDays": 0},
        {"metadata.backupWindow": "23:45-00:15"},
        {"metadata.backupWindow": "02:00-02:30"},
        {"metadata.maintenanceWindow": "sun:23:45-mon:00:15"},
    ],
)
def test_the_edge_of_what_works_is_accepted(
    loaded: Callable[[Edits], Settings], edits: Edits
) -> None:
    loaded(edits)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    backup_start=st.integers(0, 95),
    backup_quarters=st.integers(2, 95),
    start=st.integers(0, 7 * 96 - 1),
    quarters=st.integers(2, 96),
)
def test_windows_overlap_as_the_calendar_has_it(
    request: pytest.FixtureRequest,
    backup_start: int,
    backup_quarters: int,
    start: int,
    quarters: int,
) -> None:
    """All times in quarters of an hour, which both windows are then made of."""
    config = request.getfixturevalue("config")
    backup = {(backup_start + each) % 96 for each in range(backup_quarters)}
    maintenance = {(start + each) % 96 for each in range(quarters)}
    config["metadata"] |= {
        "backupWindow": f"{_clock(backup_start)}-{_clock(backup_start + backup_quarters)}",
        "maintenanceWindow": f"{_moment(start)}-{_moment(start + quarters)}",
    }

    sentences = request.getfixturevalue("found")(config)

    assert ["overlaps" in sentence for sentence in sentences] == [True] * bool(backup & maintenance)


def _clock(quarter: int) -> str:
    return f"{quarter % 96 // 4:02}:{quarter % 4 * 15:02}"


def _moment(quarter: int) -> str:
    return f"{DAYS[quarter // 96 % 7]}:{_clock(quarter)}"


@pytest.mark.parametrize(
    ("instance_class", "gib"),
    [
        ("db.t3.micro", 1),
        ("db.t4g.small", 2),
        ("db.t4g.2xlarge", 32),
        ("db.m7g.large", 8),
        ("db.m6i.32xlarge", 512),
        ("db.r7g.large", 16),
        ("db.r6g.16xlarge", 512),
        ("db.r8g.48xlarge", 1536),
    ],
)
def test_memory_is_what_aws_lists(instance_class: str, gib: int) -> None:
    assert MEMORY_GIB[instance_class] == gib


@pytest.mark.parametrize("absent", ["db.t4g.4xlarge", "db.m7g.24xlarge", "db.m5.32xlarge"])
def test_sizes_that_do_not_exist_are_not_offered(absent: str) -> None:
    assert absent not in MEMORY_GIB


def test_a_family_ascends() -> None:
    for name in families():
        memory = [MEMORY_GIB[each] for each in family(f"{name}.large")]
        assert memory == sorted(set(memory))
        assert len(memory) > 1
