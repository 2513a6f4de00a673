"""The settings of Airflow itself: refused where it would not run, or would run anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from components import connection_proxy
from stacks import airflow_checks
from stacks.settings import Settings
from stacks.warnings import preview_warnings

Edits = Mapping[str, Any]
Problem = Callable[[Edits], str]
Problems = Callable[[Edits], tuple[str, ...]]
Loaded = Callable[[Edits], Settings]

DIGEST = f"sha256:{'0' * 64}"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        pytest.param(
            {"airflow.image": "apache/airflow:3.2.2"},
            'airflow.image is "apache/airflow:3.2.2", by its tag Airflow 3.2; it must be 3.3 or '
            "later, as before that Airflow cannot log in to its own database with IAM tokens; "
            "choose a later image.",
            id="image before 3.3",
        ),
        pytest.param(
            {"airflow.image": f"apache/airflow:slim-2.11.0-python3.12@{DIGEST}"},
            f'airflow.image is "apache/airflow:slim-2.11.0-python3.12@{DIGEST[:38]}..., by its '
            "tag Airflow 2.11; it must be 3.3 or later, as before that Airflow cannot log in to "
            "its own database with IAM tokens; choose a later image.",
            id="a slim image before 3.3",
        ),
        pytest.param(
            {"metadata.protected": True, "airflow.authManager": SIMPLE},
            f'airflow.authManager is "{SIMPLE}", which is for development; where '
            "airflow-postgres:metadata.protected is true it must be one that knows your people; "
            "choose airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager or another.",
            id="no users in production",
        ),
        pytest.param(
            {"airflow.dags.repository": "http://git.example/dags.git"},
            'airflow.dags.repository is "http://git.example/dags.git"; it must start with https:// '
            "where airflow-postgres:kubernetes is cluster, as whoever changes a DAG on its way "
            "runs it as the workflow; use https.",
            id="dags without TLS",
        ),
        pytest.param(
            {"airflow.scheduler.workers": 2},
            "airflow.scheduler.workers is 2; it must be 1, as only the API server has several "
            "processes with a pool each; raise replicas instead.",
            id="workers of the scheduler",
        ),
        pytest.param(
            {"networks.web": ["10.0.16.1/20"]},
            'networks.web[0] is "10.0.16.1/20"; it must start with the first address of the range, '
            "which is 10.0.16.0; write 10.0.16.0/20.",
            id="an address within a range",
        ),
        pytest.param(
            {"networks.git": ["192.0.2.0/24", "300.0.0.0/8"]},
            'networks.git[1] is "300.0.0.0/8"; it must be an IPv4 range such as 10.0.0.0/16; '
            "correct it.",
            id="no address",
        ),
        pytest.param(
            {"airflow.dags.repository": "https://git.example:5433/dags.git"},
            "metadata.port is 5433, as is the port of airflow-postgres:airflow.dags.repository; "
            "tasks may reach that one and never the metadata, so the two must differ; change it.",
            id="git on the metadata's port",
        ),
        pytest.param(
            {"connectionProxy": True, "metadata.port": 5432},
            "metadata.port is 5432, as is the port of RDS Proxy, as airflow-postgres:"
            "connectionProxy is true; tasks may reach that one and never the metadata, so the two "
            "must differ; change it.",
            id="the proxy on the metadata's port",
        ),
    ],
)
def test_what_does_not_make_sense_is_refused(problem: Problem, edits: Edits, sentence: str) -> None:
    assert problem(edits) == f"airflow-postgres:{sentence}"


@pytest.mark.parametrize(
    "image",
    [
        "apache/airflow:3.3.2",
        f"apache/airflow@{DIGEST}",
        f"registry.example:5000/data/airflow:nightly@{DIGEST}",
        "apache/airflow:4.0.0",
        "apache/airflow:slim-3.10.0",
        "apache/airflow:2026-11-22",
    ],
)
def test_images_that_are_accepted(loaded: Loaded, image: str) -> None:
    assert loaded({"airflow.image": image}).airflow.image == image


@pytest.mark.parametrize(
    "image",
    ["apache/airflow", "apache/airflow:", "airflow@sha256:12", "Apache/airflow:3.3.2", "a b:3"],
)
def test_an_image_is_a_certain_one(problem: Problem, image: str) -> None:
    assert "it must be a container image with a digest, a tag or both" in problem(
        {"airflow.image": image}
    )


@pytest.mark.parametrize("ref", ["main", "HEAD", "release", "feature/1.0", "0123abc", "a" * 39])
def test_a_cluster_runs_one_version_of_the_dags(problem: Problem, ref: str) -> None:
    assert problem({"airflow.dags.ref": ref}) == (
        f'airflow-postgres:airflow.dags.ref is "{ref}"; it must be a commit of 40 hexadecimal '
        "digits or a tag that is a version, such as v1.2.0, where airflow-postgres:kubernetes is "
        "cluster, as a branch would change what runs without a preview; name a commit or a tag."
    )


@pytest.mark.parametrize("ref", ["0123456789" * 4, "v1.0.0", "1.2", "v2026.11.22-rc.1"])
def test_commits_and_versions_are_accepted(loaded: Loaded, ref: str) -> None:
    assert loaded({"airflow.dags.ref": ref}).airflow.dags.ref == ref


def test_this_machine_may_follow_a_branch_of_its_own(loaded: Loaded) -> None:
    edits = {"repository": "http://git.landing-zone.svc.cluster.local/dags.git", "ref": "main"}
    loaded(
        {"kubernetes": "local-node"}
        | {f"airflow.dags.{name}": value for name, value in edits.items()}
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://user:token@git.example/dags.git",
        "git@git.example:dags.git",
        "ssh://git.example/dags.git",
        "https://git.example",
        "https://git.example/dags.git?token=x",
    ],
)
def test_no_credential_is_in_the_repositorys_url(problem: Problem, url: str) -> None:
    assert "must be the http(s) URL of a git repository, without a user" in problem(
        {"airflow.dags.repository": url}
    )


def test_an_unprotected_stack_may_have_the_simple_auth_manager(loaded: Loaded) -> None:
    assert not loaded({}).metadata.protected
    loaded({"airflow.authManager": SIMPLE})


def test_networks_are_never_left_out(problems: Problems) -> None:
    found = problems({"networks.web": [], "networks.git": ...})
    assert [each.partition(" ")[0] for each in found] == [
        "airflow-postgres:networks.git",
        "airflow-postgres:networks.web",
    ]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://git.example/dags.git", 443),
        ("http://git.example/dags.git", 80),
        ("https://git.example:8443/dags.git", 8443),
    ],
)
def test_the_port_of_a_repository(url: str, port: int) -> None:
    assert airflow_checks.git_port(url) == port


def test_the_proxys_port_is_the_proxys_port() -> None:
    assert airflow_checks.PROXY_PORT == connection_proxy.PROXY_PORT


def test_no_workflow_takes_the_iam_role_of_airflow(problems: Problems) -> None:
    found = problems(
        {
            "environments": ["dev", "dev-workflow-billing"],
            "workflows.0.name": "billing-component-scheduler",
            "workflows.2.reads": [],
            "people.0.reads": ["reference"],
            "agents.0.reads": ["reference"],
        }
    )
    (sentence,) = found
    assert sentence == (
        'airflow-postgres:workflows[0] (workflow "billing-component-scheduler") in the environment '
        "dev and Airflow's scheduler of dev-workflow-billing would both have the IAM role "
        "airflow-dev-workflow-billing-component-scheduler; each name may belong to one; rename one "
        "of them."
    )


def test_an_image_without_a_digest_is_warned_of(loaded: Loaded, tmp_path: Path) -> None:
    bundle = tmp_path / "certificates" / "eu-west-1-bundle.pem"
    bundle.parent.mkdir()
    bundle.touch()
    assert preview_warnings(loaded({}), tmp_path) == ()
    (sentence,) = preview_warnings(loaded({"airflow.image": "apache/airflow:3.3.2"}), tmp_path)
    assert sentence == (
        'airflow-postgres:airflow.image is "apache/airflow:3.3.2", which has no digest: whoever '
        "moves the tag 3.3.2 changes what runs; write apache/airflow:3.3.2@sha256:<the digest that "
        "was tested>."
    )


def test_a_ca_bundle_that_is_not_there_is_warned_of(loaded: Loaded, tmp_path: Path) -> None:
    (sentence,) = preview_warnings(loaded({}), tmp_path)
    assert sentence == (
        f"airflow-postgres:caBundle is {json.dumps('certificates/eu-west-1-bundle.pem')}, which "
        "does not exist yet: the preview shows words in its place, and a deployment would refuse; "
        "fetch it with `make certificates`."
    )
