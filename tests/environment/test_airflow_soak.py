"""A minute of DAGs, one after the other, with times that `bench.soak` takes for ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from bench import soak
from local.account import service as account
from stacks.settings import load_stack_file
from tests.environment.running_airflow import SHORT_TIMES

if TYPE_CHECKING:
    from tests.environment.running_airflow import RunningAirflow

pytestmark = pytest.mark.faults
SECONDS = 60


def test_nobody_is_refused_while_tokens_and_connections_are_renewed(
    airflow: RunningAirflow,
) -> None:
    checkout = airflow.checkout
    process = psutil.Process(account.status(checkout.paths).pid)
    assert SHORT_TIMES.items() <= process.environ().items()
    settings = load_stack_file(checkout.folder, "local")
    assert settings.airflow.connection_recycle_seconds == soak.RECYCLE_SECONDS

    with checkout.account():
        seen = soak.soak(checkout.paths, SECONDS, print)

    report = "\n".join(seen.report())
    assert seen.good, report
    assert seen.runs.total() >= len(soak.DAGS), report
    # Connections were renewed, and not only opened once.
    assert seen.logins["airflow_local_scheduler"] >= SECONDS / soak.RECYCLE_SECONDS / 2, report
