"""The budget adds up, names everybody, and refuses what an instance cannot serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacks.budget import Budget, airflow_connections, connection_budget, max_connections
from stacks.instance_classes import MEMORY_GIB
from stacks.settings import AirflowComponent, Settings, SettingsError

Edits = Mapping[str, Any]
Loaded = Callable[[Edits], Settings]


@pytest.mark.parametrize(
    ("instance_class", "connections"),
    [
        ("db.t4g.micro", 70),
        ("db.t4g.small", 168),
        ("db.t4g.medium", 366),
        ("db.m7g.large", 760),
        ("db.r7g.large", 1548),
        ("db.m7g.2xlarge", 3126),
        ("db.m7g.4xlarge", 5000),
    ],
)
def test_connections_of_a_class(instance_class: str, connections: int) -> None:
    assert max_connections(instance_class) == connections


@pytest.mark.parametrize("instance_class", MEMORY_GIB)
def test_no_class_is_promised_more_than_rds_itself_would_allow(instance_class: str) -> None:
    nominal = MEMORY_GIB[instance_class] * 1024**3
    assert 0 < max_connections(instance_class) <= min(nominal // 9531392, 5000)


def test_a_measured_default_is_above_what_is_pinned() -> None:
    """181 was read off a db.t4g.small whose parameter group has RDS's formula."""
    assert max_connections("db.t4g.small") < 181


def lines(budget: Budget, instance: str) -> dict[str, tuple[str, int]]:
    of_instance = budget.metadata if instance == "metadata" else budget.application
    return {line.consumer: (line.arithmetic, line.connections) for line in of_instance.lines}


def test_every_consumer_of_the_metadata_instance_is_named(loaded: Loaded) -> None:
    budget = connection_budget(
        loaded(
            {"airflow.apiServer": {"replicas": 2, "workers": 3, "poolSize": 5, "maxOverflow": 10}}
            | {"airflow.scheduler.replicas": 2}
            | {"metadata.instanceClass": "db.m7g.large"}
        )
    )

    component = "2 environments x (1 + 1 in a rollout) x 1 x (5 pool + 5 overflow)"
    assert lines(budget, "metadata") == {
        "API server": (
            "2 environments x (2 + 1 in a rollout) x 3 x (5 pool + 10 overflow + 2 async)",
            2 * 3 * 3 * 17,
        ),
        "scheduler": (component.replace("(1 + 1", "(2 + 1"), 2 * 3 * 10),
        "DAG processor": (component, 2 * 2 * 10),
        "triggerer": (component, 2 * 2 * 10),
        "migration job": ("2 environments x 4", 8),
        "provisioner": ("(1 + 2 x 2 databases) pools x 4", 20),
        "break glass": ("the master user", 2),
        "reserved by RDS": ("2 for rds_superuser + 3 for rdsadmin", 5),
        "headroom": ("promised to nobody", 10),
    }
    assert budget.metadata.total == 306 + 60 + 40 + 40 + 8 + 20 + 2 + 5 + 10
    assert budget.metadata.left == 760 - budget.metadata.total


def test_every_consumer_of_the_application_instance_is_named(loaded: Loaded) -> None:
    budget = connection_budget(loaded({}))

    assert lines(budget, "application") == {
        "workflow billing": ("2 environments x 20", 40),
        "workflow reference": ("2 environments x 10", 20),
        "workflow tax-reports": ("2 environments x 5", 10),
        "person analysts": ("2 environments x 3", 6),
        "agent report-writer": ("2 environments x 2", 4),
        "provisioner": ("(1 + 2 x 1 database) pools x 4", 12),
        "break glass": ("the master user", 2),
        "reserved by RDS": ("2 for rds_superuser + 3 for rdsadmin", 5),
        "headroom": ("promised to nobody", 10),
    }
    assert (budget.application.total, budget.application.left) == (109, 366 - 109)


def test_the_proxy_is_counted_where_it_is(loaded: Loaded) -> None:
    budget = connection_budget(loaded({"connectionProxy": True}))

    assert lines(budget, "application")["RDS Proxy"] == ("its own, estimated", 5)
    assert "RDS Proxy" not in lines(budget, "metadata")


def test_the_limit_of_a_component_is_its_line(loaded: Loaded) -> None:
    """Its login's limit is per environment; the line covers all environments."""
    settings = loaded({})
    budget = lines(connection_budget(settings), "metadata")

    assert (
        2 * airflow_connections(settings.airflow.api_server, api_server=True)
        == (budget["API server"][1])
    )
    assert (
        2 * airflow_connections(settings.airflow.triggerer, api_server=False)
        == (budget["triggerer"][1])
    )


@pytest.mark.parametrize(
    ("environments", "connections"), [(["a"], 3), (["a", "b"], 4), (["a", "b", "c"], 5)]
)
def test_the_provider_cannot_wait_for_itself(
    loaded: Loaded, environments: list[str], connections: int
) -> None:
    """It creates all databases at once, and needs a second connection for each."""
    budget = connection_budget(loaded({"environments": environments}))

    assert budget.provider_connections == connections > len(environments)
    assert budget.metadata.provisioner_connections == (1 + 2 * len(environments)) * connections
    assert budget.application.provisioner_connections == 3 * connections


def test_the_last_connection_may_be_promised_and_no_more(loaded: Loaded) -> None:
    one = {"environments": ["dev"]}
    limit = 20 + connection_budget(loaded(one)).application.left

    full = connection_budget(loaded({"workflows.0.connectionLimit": limit}))
    assert full.application.left == 0
    with pytest.raises(SettingsError, match=r"\bleft\b.* -1$"):
        connection_budget(loaded({"workflows.0.connectionLimit": limit + 1}))


def test_too_much_is_shown_as_the_sum(loaded: Loaded) -> None:
    with pytest.raises(SettingsError) as caught:
        connection_budget(loaded({"workflows.0.connectionLimit": 200, "connectionProxy": True}))

    assert str(caught.value) == (
        'airflow-postgres:application.instanceClass is "db.t4g.medium", which has 366 connections; '
        "474 are promised, as shown below; choose db.t4g.large, which has 760, or lower a limit.\n"
        "application: db.t4g.medium\n"
        "  workflow billing      2 environments x 200                    400\n"
        "  workflow reference    2 environments x 10                      20\n"
        "  workflow tax-reports  2 environments x 5                       10\n"
        "  person analysts       2 environments x 3                        6\n"
        "  agent report-writer   2 environments x 2                        4\n"
        "  RDS Proxy             its own, estimated                        5\n"
        "  provisioner           (1 + 2 x 1 database) pools x 4           12\n"
        "  break glass           the master user                           2\n"
        "  reserved by RDS       2 for rds_superuser + 3 for rdsadmin      5\n"
        "  headroom              promised to nobody                       10\n"
        "  total                                                         474\n"
        "  left                  of 366, max_connections here           -108"
    )


def test_too_much_on_both_is_said_of_both(loaded: Loaded) -> None:
    micro = {"metadata.instanceClass": "db.t4g.micro", "application.instanceClass": "db.t4g.micro"}

    with pytest.raises(SettingsError) as caught:
        connection_budget(loaded(micro))
    assert [each.partition(" is ")[0] for each in caught.value.problems] == [
        "airflow-postgres:metadata.instanceClass",
        "airflow-postgres:application.instanceClass",
    ]


def test_more_than_any_class_has(loaded: Loaded) -> None:
    edits = {f"workflows.{index}.connectionLimit": 5000 for index in range(3)}

    with pytest.raises(
        SettingsError, match="choose a family with larger classes, or lower a limit"
    ):
        connection_budget(loaded(edits))


def test_the_budget_for_machines(loaded: Loaded) -> None:
    budget = connection_budget(loaded({}))
    application = budget.as_dict()["application"]

    assert isinstance(application, dict)
    assert {**application, "lines": application["lines"][:1]} == {
        "instance": "application",
        "instanceClass": "db.t4g.medium",
        "maxConnections": 366,
        "total": 109,
        "left": 257,
        "lines": [
            {
                "consumer": "workflow billing",
                "arithmetic": "2 environments x 20",
                "connections": 40,
            }
        ],
    }


_COMPONENTS = st.builds(
    AirflowComponent,
    replicas=st.integers(1, 4),
    workers=st.integers(1, 4),
    poolSize=st.integers(1, 5),
    maxOverflow=st.integers(0, 5),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(component=_COMPONENTS, limits=st.lists(st.integers(1, 25), max_size=5))
def test_the_arithmetic_in_words_is_the_arithmetic(
    request: pytest.FixtureRequest, component: AirflowComponent, limits: list[int]
) -> None:
    base: Settings = request.getfixturevalue("loaded")({"metadata.instanceClass": "db.m7g.8xlarge"})
    workflows = tuple(
        base.workflows[1].model_copy(update={"name": f"w{index}", "connection_limit": limit})
        for index, limit in enumerate(limits)
    )
    airflow = base.airflow.model_copy(update={"api_server": component, "triggerer": component})
    budget = connection_budget(base.model_copy(update={"workflows": workflows, "airflow": airflow}))

    for instance in (budget.metadata, budget.application):
        assert instance.total == sum(line.connections for line in instance.lines)
        for line in instance.lines:
            if " x " in line.arithmetic:
                formula = "".join(
                    each for each in line.arithmetic.replace(" x ", "*") if each in "0123456789+*()"
                )
                assert eval(formula) == line.connections, line  # noqa: S307  # digits and operators
