"""What only the program can see, and the program as an engine runs it: one sentence there as well.

What AWS answers is made up; that it answers so is AWS's to prove.
"""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import config as pulumi_config

from local.deploy.program import ProgramError, main_program
from local.deploy.record import Recording, record
from stacks import lookups, platform
from stacks.settings import SettingsError, from_pulumi, load_stack_file, stack_configuration
from tests import offline
from tests.unit.bad_settings import ROOT, assert_readable, assert_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local.deploy.registration import Call

NS = "airflow-postgres:"
PEM = "-----BEGIN CERTIFICATE-----"
BUNDLE = 'is "certificates/eu-west-1-bundle.pem", which '
CERTIFICATES = "the CA certificates of RDS, which all pods verify the databases with"
CLUSTER = "aws:eks/getCluster:getCluster"
WITHOUT_ISSUER = {
    "key": f"{NS}cluster",
    "value": '"data-platform-dev", which has no OIDC issuer',
    "allowed": "an EKS cluster that has one",
    "do": "name another cluster",
}


def refusal(error: ProgramError) -> str:
    """What is said of a program that was refused in the way that Pulumi shows as it is."""
    assert isinstance(error.__cause__, pulumi.RunError)
    return str(error)


def run(
    stack: str = "dev",
    *,
    config: Mapping[str, str] | None = None,
    answers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    """Run `__main__.py` as an engine does, with other answers to some of its questions."""

    def answer(call: Call) -> Mapping[str, Any]:
        return {**offline.answers(call), **(answers or {}).get(call.token, {})}

    return record(
        main_program(ROOT),
        stack=stack,
        config={**stack_configuration(ROOT, "dev"), **(config or {})},
        root=ROOT,
        answers=answer,
        outputs=offline.outputs,
    )


def application() -> dict[str, Any]:
    """The settings of dev's application instance."""
    given: dict[str, Any] = json.loads(stack_configuration(ROOT, "dev")[f"{NS}application"])
    return given


def looked_up(question: Callable[[aws.Provider], object], **answers: Iterator[Any]) -> None:
    """Ask one question of `stacks.lookups`, answered with the next of `answers` each time."""

    def program() -> None:
        question(aws.Provider("aws", region="eu-west-1"))

    def answer(call: Call) -> Mapping[str, Any]:
        return {**offline.answers(call), **{key: next(values) for key, values in answers.items()}}

    record(program, root=ROOT, answers=answer)


@pytest.mark.parametrize("identities", [[], [{"oidcs": []}], [{"oidcs": [{"issuer": ""}]}]])
def test_a_cluster_without_an_issuer(identities: list[Any]) -> None:
    with pytest.raises(ProgramError) as caught:
        looked_up(
            lambda provider: lookups.existing_cluster("data-platform-dev", provider),
            identities=cycle([identities]),
        )

    assert_sentence(refusal(caught.value), **WITHOUT_ISSUER)


def test_the_whole_program_with_a_cluster_without_an_issuer() -> None:
    with pytest.raises(ProgramError) as caught:
        run(answers={CLUSTER: {"identities": []}})

    assert_sentence(refusal(caught.value), **WITHOUT_ISSUER)


SUBNETS = ("subnet-0000000a", "subnet-0000000b", "subnet-0000000c")


def test_subnets_of_one_zone() -> None:
    with pytest.raises(ProgramError) as caught:
        looked_up(
            lambda provider: lookups.subnet_ranges(SUBNETS, provider),
            availabilityZone=cycle(["eu-west-1a"]),
        )

    assert_sentence(
        refusal(caught.value),
        key=f"{NS}databaseSubnets",
        value='"subnet-0000000c"], which are all in the zone eu-west-1a',
        allowed="subnets in at least two zones",
        do="add one in another zone",
    )


@pytest.mark.parametrize("zones", [["a", "a", "b"], [None, None, None]])
def test_subnets_of_several_zones_or_of_nobody_knows_which(zones: list[str | None]) -> None:
    looked_up(
        lambda provider: lookups.subnet_ranges(SUBNETS, provider), availabilityZone=cycle(zones)
    )


@pytest.mark.parametrize("stack", ["Dev", "dev_1", "1dev", "d" * 36, "dev--eu"])
def test_a_stack_that_nothing_can_be_named_after(stack: str) -> None:
    with pytest.raises(ProgramError) as caught:
        run(stack)

    assert_sentence(
        refusal(caught.value),
        key="The stack is named",
        value=f'"{stack}"',
        allowed="lower-case letters and digits, starting with a letter",
        do="rename Pulumi.<stack>.yaml",
    )


def test_the_longest_names_fit_everywhere() -> None:
    environment, workflow = "e" * 40, "w" * 15
    workflows = [{"name": workflow, "writes": True, "connectionLimit": 1, "schemaVersion": 9999}]
    longest = {
        f"{NS}environments": json.dumps([environment]),
        f"{NS}workflows": json.dumps(workflows),
        f"{NS}connectionProxy": "true",
    }

    assert run("d" * 35, config=longest).exports["workflows"][environment].keys() == {workflow}


def test_more_workflows_than_the_role_of_the_proxy_can_name() -> None:
    workflows = [
        {"name": f"w{number:03}", "writes": True, "connectionLimit": 1, "schemaVersion": 1}
        for number in range(60)
    ]
    many = {
        f"{NS}workflows": json.dumps(workflows),
        f"{NS}connectionProxy": "true",
        f"{NS}application": json.dumps({**application(), "instanceClass": "db.t4g.xlarge"}),
    }
    with pytest.raises(ProgramError) as caught:
        run(config=many)

    assert_sentence(
        refusal(caught.value),
        key=f"{NS}connectionProxy",
        value="true, with 120 logins of workflows",
        allowed="IAM allows 10240",
        do="set it to false, or move workflows to another stack",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "holds no certificate"),
        (b"<html>404</html>\n", "holds no certificate"),
        (PEM.encode(), "holds no certificate"),
        (b"\x30\x82\xff\xfe", "cannot be read"),
    ],
    ids=["missing", "empty", "a page", "cut off", "DER"],
)
def test_a_bundle_without_certificates_is_refused_before_anything_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    if content is not None:
        (tmp_path / "certificates").mkdir()
        (tmp_path / "certificates" / "eu-west-1-bundle.pem").write_bytes(content)
    declared: list[str] = []

    def note(registration: Any) -> Mapping[str, Any]:  # noqa: ANN401  # never called
        declared.append(registration.urn)
        return {}

    with pytest.raises(ProgramError) as caught:
        record(
            lambda: platform.declare(load_stack_file(ROOT, "dev"), stack="dev"),
            root=tmp_path,
            outputs=note,
        )

    assert isinstance(caught.value.__cause__, SettingsError)
    assert_sentence(
        str(caught.value.__cause__),
        key=f"{NS}caBundle",
        value=f"{BUNDLE}{said}",
        allowed=CERTIFICATES,
        do="fetch it with `make certificates`",
    )
    assert not [urn for urn in declared if "pulumi:pulumi:Stack" not in urn]


def test_a_bundle_that_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "certificates" / "eu-west-1-bundle.pem").mkdir(parents=True)

    with pytest.raises(ProgramError, match="which cannot be read; it must be"):
        record(lambda: platform.declare(load_stack_file(ROOT, "dev"), stack="dev"), root=tmp_path)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("region", "Ireland"),
        ("workflows", "[{"),
        ("workflows", "[" * 100_000),
        ("workflows", '[{"name": "\\ud800"}]'),
        ("workflows", "9" * 5000),
        ("metadata", "NaN"),
        ("regoin", "eu-west-1"),
        ("cluster", "a\nb"),
    ],
)
def test_what_an_engine_hands_over_is_refused_without_a_traceback(key: str, text: str) -> None:
    with pytest.raises(ProgramError) as caught:
        run(config={f"{NS}{key}": text})

    sentence = refusal(caught.value)
    assert_readable(sentence)
    assert sentence.startswith(f"{NS}{key} is ")


def test_an_encrypted_setting_is_refused_and_not_repeated() -> None:
    """As after `pulumi config set --secret`: the program gets its plain text."""
    keys = [f"{NS}region", f"{NS}airflow"]
    before = pulumi_config.CONFIG.set({}), pulumi_config._SECRET_KEYS.set(set())
    try:
        config = {
            **stack_configuration(ROOT, "dev"),
            keys[0]: "hunter2",
            keys[1]: '{"x": "hunter2"}',
        }
        pulumi_config.set_all_config(config, [*keys, "pulumi:tags"])
        with pytest.raises(SettingsError) as caught:
            from_pulumi()
    finally:
        pulumi_config.CONFIG.reset(before[0])
        pulumi_config._SECRET_KEYS.reset(before[1])

    assert caught.value.problems == tuple(
        f"{key} is encrypted; no setting is a secret; set its value as plain text."
        for key in sorted(keys)
    )
