"""What the monitor receives is what the program said, under the names of the real engine."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import Output, ResourceOptions

from local.deploy import wire
from local.deploy.errors import DeployError
from local.deploy.record import record

if TYPE_CHECKING:
    from pathlib import Path

KEY, ROLE = "aws:kms/key:Key", "aws:iam/role:Role"


class Vault(pulumi.ComponentResource):
    """A key and a role that names it."""

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("small:index:Vault", name, None, opts)
        key = aws.kms.Key(f"{name}-key", opts=ResourceOptions(parent=self))
        aws.iam.Role(
            f"{name}-role",
            name=f"{name}-role",
            assume_role_policy=key.arn.apply(lambda arn: json.dumps({"Resource": arn})),
            opts=ResourceOptions(
                parent=self,
                depends_on=[key],
                ignore_changes=["description"],
                protect=True,
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create="3m"),
                aliases=[pulumi.Alias(name="former")],
            ),
        )
        self.register_outputs({"arn": key.arn, "token": Output.secret("canary")})


class House(pulumi.ComponentResource):
    """A component within which another one stands."""

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("small:index:House", name, None, opts)
        Vault(f"{name}-vault", ResourceOptions(parent=self))
        self.register_outputs({})


_small = partial(record, project="small", stack="test")


def test_urns_are_those_of_the_real_engine() -> None:
    urns = [one.urn for one in _small(lambda: House("house"))]
    head = "urn:pulumi:test::small::small:index:House"
    assert urns == [
        f"{head}::house",
        f"{head}$small:index:Vault::house-vault",
        f"{head}$small:index:Vault$aws:kms/key:Key::house-vault-key",
        f"{head}$small:index:Vault$aws:iam/role:Role::house-vault-role",
    ]


def test_options_arrive() -> None:
    recording = _small(lambda: Vault("v"))
    role, key = recording.one(ROLE), recording.one(KEY)
    assert role.dependencies == (key.urn,)
    assert role.property_dependencies["assumeRolePolicy"] == (key.urn,)
    assert role.parent == recording.one("small:index:Vault").urn
    assert role.options.protect
    assert not key.options.protect
    assert role.options.ignore_changes == ("description",)
    assert role.options.delete_before_replace is True
    assert key.options.delete_before_replace is None
    assert role.options.custom_timeouts["create"] == "3m"
    assert role.options.aliases[0]["spec"]["name"] == "former"
    assert role.options.unsupported == ()


def test_children_inherit_protection_and_retention_and_providers() -> None:
    def program() -> None:
        provider = aws.Provider("p", region="eu-west-1")
        Vault("v", ResourceOptions(protect=True, retain_on_delete=True, providers=[provider]))

    recording = _small(program)
    key = recording.one(KEY)
    assert key.options.protect
    assert key.options.retain_on_delete
    assert key.provider_urn == recording.one("pulumi:providers:aws").urn


def test_an_option_that_nothing_here_honours_is_named() -> None:
    def program() -> None:
        first = aws.kms.Key("first")
        aws.kms.Key("second", opts=ResourceOptions(replace_with=[first]))

    assert _small(program).one(KEY, "second").options.unsupported == ("replace_with",)


def test_without_outputs_what_a_provider_computes_is_unknown() -> None:
    recording = _small(lambda: Vault("v"))
    assert recording.one(ROLE).inputs["assumeRolePolicy"] == wire.UNKNOWN
    vault = recording.one("small:index:Vault")
    assert vault.registered_outputs == {"arn": wire.UNKNOWN, "token": wire.secret("canary")}


def test_with_outputs_documents_are_complete() -> None:
    recording = _small(lambda: Vault("v"), outputs=lambda one: {"arn": f"arn-of-{one.name}"})
    assert recording.one(ROLE).plain["assumeRolePolicy"] == '{"Resource": "arn-of-v-key"}'


def test_data_sources_are_answered_and_recorded() -> None:
    def program() -> None:
        cluster = aws.eks.get_cluster_output(name="data")
        pulumi.export("vpc", cluster.vpc_config.vpc_id)
        pulumi.export("plain", "x")

    unknown = _small(program)
    assert unknown.exports == {"plain": "x", "vpc": wire.UNKNOWN}
    answered = _small(program, answers=lambda _call: {"vpcConfig": {"vpcId": "vpc-1"}})
    assert answered.exports == {"plain": "x", "vpc": "vpc-1"}
    assert [call.args for call in answered.calls] == [{"name": "data"}]


def test_secrets_arrive_marked() -> None:
    def program() -> None:
        config = pulumi.Config()
        aws.secretsmanager.SecretVersion("v", secret_id="s", secret_string=Output.secret("canary"))
        pulumi.export("token", config.require("token"))

    recording = _small(program, config={"small:token": "t"})
    version = recording.one("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == wire.secret("canary")
    assert version.plain["secretString"] == "canary"
    assert recording.exports == {"token": "t"}


def test_runs_do_not_see_each_other() -> None:
    first = _small(lambda: Vault("v"), config={"small:a": "1"})
    second = _small(lambda: pulumi.export("a", pulumi.Config().get("a")))
    assert len(first) == 3
    assert second.registrations == ()
    assert second.exports.get("a") is None


def test_equal_runs_are_in_the_same_order() -> None:
    def program() -> None:
        for name in ("a", "b", "c", "d"):
            House(name)

    runs = [[one.urn for one in _small(program)] for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_two_resources_of_one_name_are_refused() -> None:
    def program() -> None:
        aws.kms.Key("k")
        aws.kms.Key("k")

    with pytest.raises(DeployError, match="'k' is declared twice under a parent"):
        _small(program)


def test_reading_what_others_own_is_refused() -> None:
    with pytest.raises(DeployError, match=r"is read with \.get\(\), which this engine cannot"):
        _small(lambda: aws.kms.Key.get("k", "1234"))


def test_a_fault_of_the_program_is_one_sentence_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import pulumi\n\n\nlist()[1]\n")
    import runpy  # noqa: PLC0415 - as the package runs programs

    with pytest.raises(DeployError) as caught:
        record(lambda: runpy.run_path(str(tmp_path / "__main__.py")), root=tmp_path)
    assert str(caught.value) == "IndexError: list index out of range (__main__.py, line 4)"


def test_a_fault_in_an_apply_is_reported_too() -> None:
    def program() -> None:
        pulumi.export("x", Output.from_input("x").apply(int))

    with pytest.raises(DeployError, match="ValueError: invalid literal"):
        _small(program)


def test_what_is_not_there_is_said() -> None:
    recording = _small(lambda: Vault("v"))
    with pytest.raises(LookupError, match=r"0 of .* are nobody; known are \['v-role'\]"):
        recording.one(ROLE, "nobody")
    with pytest.raises(LookupError, match="nothing was registered as urn:x"):
        recording.by_urn("urn:x")
    vault = recording.one("small:index:Vault")
    assert [child.name for child in recording.children(vault)] == ["v-key", "v-role"]
