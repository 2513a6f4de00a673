"""Settings whose entries do not fit each other are refused, each with its sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components import naming
from stacks.settings import Settings

Edits = Mapping[str, Any]
Problem = Callable[[Edits], str]
Problems = Callable[[Edits], tuple[str, ...]]

STRANGER = "arn:aws:iam::012345678902:role/deployer"
ARN = "arn:aws:iam::012345678901:role/deployer"


def test_nothing_is_wrong_with_the_example(loaded: Callable[[Edits], Settings]) -> None:
    loaded({})


@pytest.mark.parametrize(
    ("edits", "where", "value"),
    [
        ({"environments.1": "dev"}, "environments", "dev"),
        ({"databaseSubnets.1": "subnet-0000000a"}, "databaseSubnets", "subnet-0000000a"),
        ({"deployers.1": ARN}, "deployers", ARN),
        ({"breakGlass": [ARN, ARN]}, "breakGlass", ARN),
        (
            {"workflows.2.reads": ["billing", "billing"]},
            'workflows[2].reads (workflow "tax-reports")',
            "billing",
        ),
        (
            {"people.0.reads": ["billing", "billing"]},
            'people[0].reads (person "analysts")',
            "billing",
        ),
    ],
)
def test_nothing_is_listed_twice(problem: Problem, edits: Edits, where: str, value: str) -> None:
    assert problem(edits) == (
        f'airflow-postgres:{where} lists "{value}" more than once; once is allowed; remove one.'
    )


def test_no_schema_version_is_listed_twice(problem: Problem) -> None:
    sentence = problem({"workflows.0.schemaVersions": [3, 3]})

    assert sentence.startswith('airflow-postgres:workflows[0].schemaVersions (workflow "billing")')
    assert "lists 3 more than once" in sentence


@pytest.mark.parametrize("path", ["workflows.1.name", "people.0.name", "agents.0.name"])
def test_workflows_people_and_agents_share_one_set_of_names(problems: Problems, path: str) -> None:
    group, index, _ = path.split(".")

    found = problems({path: "billing", "workflows.0.reads": [], "workflows.2.reads": []})

    assert found[0] == (
        f'airflow-postgres:{group}[{index}].name is "billing", which is the name of '
        "airflow-postgres:workflows[0].name already; workflows, people and agents may not share a "
        "name, as each has a login; choose another."
    )


@pytest.mark.parametrize(
    ("edits", "name", "first", "second"),
    [
        (
            {"people.0.name": "billing-writer"},
            "PostgreSQL role dev_billing_writer",
            'workflows[0] (workflow "billing") in the environment dev',
            'people[0] (person "billing-writer") in the environment dev',
        ),
        (
            {"environments": ["dev", "dev-billing"], "agents.0.name": "billing-reference"},
            "PostgreSQL role dev_billing_reference",
            'agents[0] (agent "billing-reference") in the environment dev',
            'workflows[1] (workflow "reference") in the environment dev-billing',
        ),
    ],
)
def test_no_two_things_have_one_derived_name(
    problems: Problems, edits: Edits, name: str, first: str, second: str
) -> None:
    assert (
        f"airflow-postgres:{first} and airflow-postgres:{second} would both have the {name}; each "
        "name may belong to one; rename one of them."
    ) in problems(edits)


def test_an_iam_role_has_one_owner(problems: Problems) -> None:
    found = problems(
        {"environments": ["dev", "dev-agent-x"], "agents.0.name": "x-agent-y"}
        | {"agents.1": {"name": "y", "principal": ARN.replace("deployer", "y")}}
        | {"agents.1.reads": ["billing"], "agents.1.expires": "2026-12-01"}
        | {"agents.1.connectionLimit": 1}
    )

    assert len(found) == 1
    assert "would both have the IAM role airflow-dev-agent-x-agent-y" in found[0]


def test_names_fit_into_postgresql(problems: Problems) -> None:
    long = "a" * 40
    (first, *_) = problems({"environments": [long], "workflows.0.name": long})

    assert first == (
        f'airflow-postgres:workflows[0] (workflow "{long}") in the environment {long} cannot be '
        f"given its names: the PostgreSQL name '{long}_{long}' has 81 bytes; PostgreSQL keeps 63; "
        "choose a shorter name."
    )


@pytest.mark.parametrize(
    ("environment", "prefix", "keeper"),
    [
        ("pg", "pg_", "PostgreSQL"),
        ("pg-test", "pg_", "PostgreSQL"),
        ("rds", "rds", "RDS"),
        ("airflow", "airflow_", "Airflow's own logins"),
    ],
)
def test_roles_stay_out_of_reserved_names(
    problem: Problem, environment: str, prefix: str, keeper: str
) -> None:
    assert problem({"environments": [environment]}) == (
        f'airflow-postgres:environments[0] is "{environment}"; all its roles would start with '
        f"{prefix}, which is reserved for {keeper}; choose another name."
    )


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("deployers.0", "deployers[0]"),
        ("breakGlass.0", "breakGlass[0]"),
        ("people.0.principal", 'people[0].principal (person "analysts")'),
        ("agents.0.principal", 'agents[0].principal (agent "report-writer")'),
    ],
)
def test_nobody_of_another_account_gets_in(problem: Problem, path: str, where: str) -> None:
    assert problem({path: STRANGER}) == (
        f'airflow-postgres:{where} is "{STRANGER}"; it must be in this stack\'s account, '
        "012345678901, as one wrong digit would trust strangers; name a role of this account, "
        "which those of another account may be allowed to assume."
    )


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:sns:eu-west-2:012345678901:alarms", "arn:aws:sns:eu-west-1:012345678902:alarms"],
)
def test_alarms_stay_in_the_region_and_the_account(problem: Problem, arn: str) -> None:
    assert problem({"alarmTopic": arn}) == (
        f'airflow-postgres:alarmTopic is "{arn}"; it must be in this stack\'s region and account, '
        "eu-west-1 and 012345678901; name a topic there."
    )


@pytest.mark.parametrize(
    ("path", "value", "where", "hint"),
    [
        (
            "workflows.0.reads",
            ["refrence"],
            'workflows[0].reads[0] (workflow "billing")',
            "did you mean reference?",
        ),
        (
            "people.0.reads",
            ["billing", "payroll"],
            'people[0].reads[1] (person "analysts")',
            "there are: billing, reference, tax-reports;",
        ),
        ("agents.0.reads", ["biling"], 'agents[0].reads[0] (agent "report-writer")', "billing?"),
    ],
)
def test_only_declared_workflows_are_read(
    problem: Problem, path: str, value: list[str], where: str, hint: str
) -> None:
    sentence = problem({path: value})

    assert sentence.startswith(
        f'airflow-postgres:{where} is "{value[-1]}"; it must be the name of '
    )
    assert hint in sentence


def test_a_workflow_does_not_list_itself(problem: Problem) -> None:
    assert problem({"workflows.0.reads": ["billing"]}) == (
        'airflow-postgres:workflows[0].reads[0] (workflow "billing") is "billing", the workflow '
        "itself; it reads its own schema anyway, and only other workflows are allowed here; "
        "remove it."
    )


def test_the_live_version_is_one_of_the_versions(problem: Problem) -> None:
    assert problem({"workflows.0.schemaVersions": [1, 2]}) == (
        'airflow-postgres:workflows[0].schemaVersions (workflow "billing") is [1, 2]; it must '
        "contain the live schemaVersion, 3; add it to the list."
    )


LONGEST = {"people.0.expires": 366, "agents.0.expires": 31}


@pytest.mark.parametrize(("path", "days"), LONGEST.items())
def test_access_may_end_today_or_as_late_as_is_allowed(
    loaded: Callable[[Edits], Settings], today: date, path: str, days: int
) -> None:
    loaded({path: str(today)})
    loaded({path: str(today + timedelta(days=days))})


@pytest.mark.parametrize(("path", "days"), LONGEST.items())
def test_access_does_not_end_too_late(problem: Problem, today: date, path: str, days: int) -> None:
    latest = today + timedelta(days=days)
    sentence = problem({path: str(latest + timedelta(days=1))})

    assert f"which is too far; it must be a day from 2026-11-22 to {latest}, by" in sentence
    assert f"airflow-postgres:longestAccessDays.{path.partition('.')[0]};" in sentence


def test_how_late_access_may_end_is_a_setting(loaded: Callable[[Edits], Settings]) -> None:
    loaded({"longestAccessDays": {"agents": 400}, "agents.0.expires": "2027-12-01"})


def test_past_access_must_be_renewed_or_removed(problem: Problem) -> None:
    assert problem({"people.0.expires": "2026-11-21"}) == (
        'airflow-postgres:people[0].expires (person "analysts") is 2026-11-21, which is past; it '
        "must be a day from 2026-11-22 to 2027-11-23; renew it, or remove the person."
    )


@pytest.mark.parametrize("group", ["deployers", "breakGlass"])
def test_an_agent_is_nobody_powerful(problem: Problem, group: str) -> None:
    other = "arn:aws:iam::012345678901:role/pipeline"
    sentence = problem({"agents.0.principal": ARN, "deployers": [other], f"{group}.0": ARN})

    assert sentence == (
        f'airflow-postgres:agents[0].principal (agent "report-writer") is "{ARN}", which may '
        "deploy or break glass; an agent must have an identity that can do nothing else; give it a "
        "role of its own."
    )


def test_problems_of_several_kinds_come_together(problems: Problems) -> None:
    found = problems(
        {"alarmTopic": "arn:aws:sns:eu-west-2:012345678901:alarms", "metadata.engineVersion": "15"}
        | {"people.0.expires": "2020-01-01"}
    )

    assert len(found) == 3


_NAMES = st.sampled_from(["a", "b", "a-b", "b-a", "a-b-a", "a-writer", "writer", "a-owner", "v1"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    environments=st.lists(_NAMES, min_size=1, max_size=3, unique=True),
    workflows=st.lists(_NAMES, min_size=1, max_size=3, unique=True),
    people=st.lists(_NAMES, max_size=2, unique=True),
)
def test_what_is_accepted_has_no_role_twice(
    request: pytest.FixtureRequest,
    environments: list[str],
    workflows: list[str],
    people: list[str],
) -> None:
    assume(not set(workflows) & set(people))
    config, find = request.getfixturevalue("config"), request.getfixturevalue("found")
    workflow = {"writes": True, "connectionLimit": 1, "schemaVersion": 1}
    person = {**config["people"][0], "reads": workflows[:1]}
    config = {
        **config,
        "environments": environments,
        "workflows": [{**workflow, "name": name} for name in workflows],
        "people": [{**person, "name": name} for name in people],
        "agents": [],
    }
    roles = [naming.login_name(e, name) for e in environments for name in workflows + people]
    roles += [
        role for e in environments for name in workflows for role in naming.group_roles(e, name)
    ]

    assert bool(find(config)) == (len(roles) > len(set(roles)))
