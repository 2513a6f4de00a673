"""What counts as lost between two programs, and what an alias saves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest
from pulumi import Alias, ComponentResource, ResourceOptions

from local.deploy.record import record
from tests.upgrade import history
from tests.upgrade.history import RecordedStack
from tests.upgrade.judge import losses

if TYPE_CHECKING:
    from tests.upgrade.history import Known

ROOT = Path(__file__).resolve().parents[2]


class House(ComponentResource):
    """A component with what has to last."""

    def __init__(
        self,
        name: str,
        opts: ResourceOptions | None = None,
        *,
        part: str = "secret",
        secret_options: ResourceOptions | None = None,
        spec: str | None = None,
        physical: str = "airflow/fernet",
        class_: str = "House",
    ) -> None:
        super().__init__(f"airflow-postgres:components:{class_}", name, None, opts)
        inside = ResourceOptions(parent=self)
        self.key = aws.kms.Key(f"{name}-key", customer_master_key_spec=spec, opts=inside)
        aws.secretsmanager.Secret(
            f"{name}-{part}",
            name=physical,
            kms_key_id=self.key.arn,
            opts=ResourceOptions.merge(inside, secret_options),
        )
        self.register_outputs({})


def provider(name: str = "aws", **options: Any) -> ResourceOptions:  # noqa: ANN401 - as ResourceOptions takes
    """Options of a component whose AWS resources go to a provider of this name."""
    made = aws.Provider(name, region="eu-west-1", opts=ResourceOptions(**options))
    return ResourceOptions(providers=[made])


def known(program: Callable[[], object]) -> dict[str, Known]:
    """What is kept of a program."""
    return dict(RecordedStack.of({}, record(program)).resources)


def judged(before: Callable[[], object], after: Callable[[], object]) -> list[str]:
    """What is lost from one program to the other."""
    return losses(after, known(before), stack="test", root=ROOT)


def test_the_same_again_loses_nothing() -> None:
    assert judged(lambda: House("one"), lambda: House("one")) == []


def test_more_of_it_loses_nothing() -> None:
    assert judged(lambda: House("one"), lambda: (House("one"), House("two"))) == []


def test_what_is_left_out_is_lost() -> None:
    (found,) = judged(lambda: (House("one"), House("two")), lambda: House("one"))
    assert re.search(
        r"House::two is declared no longer.*Key two-key \(everything that it encrypted.*"
        r"Secret two-secret \(its value.*: declare it again$",
        found,
    )


def test_a_renamed_secret_needs_an_alias_and_is_told_which() -> None:
    (found,) = judged(lambda: House("one"), lambda: House("one", part="fernet"))
    assert re.search(
        r"::one-secret is declared no longer, .* delete aws:secretsmanager/secret:Secret "
        r"one-secret .* and create urn:\S+::one-fernet instead: .* add "
        r'aliases=\[pulumi.Alias\(name="one-secret"\)\] to the ResourceOptions of one-fernet$',
        found,
    )
    alias = ResourceOptions(aliases=[Alias(name="one-secret")])
    assert (
        judged(lambda: House("one"), lambda: House("one", part="fernet", secret_options=alias))
        == []
    )


def test_a_renamed_component_is_told_once_and_its_alias_saves_all_below() -> None:
    (found,) = judged(lambda: House("one"), lambda: House("two"))
    assert 'pulumi.Alias(name="one")] to the ResourceOptions of two' in found
    assert "Key one-key" in found
    assert "Secret one-secret" in found
    alias = ResourceOptions(aliases=[Alias(name="one")])
    assert judged(lambda: House("one"), lambda: House("two", alias)) == []


def test_a_new_type_token_needs_an_alias() -> None:
    former = "airflow-postgres:components:House"
    (found,) = judged(lambda: House("one"), lambda: House("one", class_="Home"))
    assert f'pulumi.Alias(type_="{former}")] to the ResourceOptions of one' in found
    alias = ResourceOptions(aliases=[Alias(type_=former)])
    assert judged(lambda: House("one"), lambda: House("one", alias, class_="Home")) == []


def test_a_new_parent_needs_an_alias() -> None:
    def inside(**options: Any) -> None:  # noqa: ANN401 - as ResourceOptions takes
        above = ComponentResource("airflow-postgres:components:Street", "street")
        House("one", ResourceOptions(parent=above, **options))

    (found,) = judged(lambda: House("one"), inside)
    assert "House::one is declared no longer" in found
    assert "Street$airflow-postgres:components:House::one instead" in found
    alias = Alias(parent=pulumi.ROOT_STACK_RESOURCE)
    assert judged(lambda: House("one"), lambda: inside(aliases=[alias])) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"physical": "airflow/jwt"}, "name changes from 'airflow/fernet' to 'airflow/jwt'; lost"),
        ({"spec": "RSA_2048"}, "customerMasterKeySpec changes from None to 'RSA_2048'; lost"),
    ],
)
def test_an_input_that_cannot_be_changed_in_place(changes: dict[str, str], reason: str) -> None:
    (found,) = judged(lambda: House("one"), lambda: House("one", **changes))  # type: ignore[arg-type]  # texts only
    assert "would be replaced, as " in found
    assert reason in found


def test_an_input_that_is_ignored_is_what_it_was() -> None:
    ignored = ResourceOptions(ignore_changes=["name"])
    after = {"physical": "airflow/jwt", "secret_options": ignored}
    assert judged(lambda: House("one"), lambda: House("one", **after)) == []  # type: ignore[arg-type]  # as written


def test_what_is_replaced_takes_along_what_is_made_of_it() -> None:
    def program(spec: str | None = None) -> None:
        key = House("one", spec=spec).key
        aws.rds.Instance(
            "data", identifier="data", instance_class="db.t4g.micro", kms_key_id=key.arn
        )

    found = judged(program, lambda: program("RSA_2048"))
    assert [one.split(" would")[0] for one in found] == [
        "aws:kms/key:Key one-key",
        "aws:rds/instance:Instance data",
    ]


def test_another_provider_replaces_all_and_an_alias_of_it_nothing() -> None:
    found = judged(lambda: House("one", provider()), lambda: House("one", provider("account")))
    assert len(found) == 3
    assert "its provider changes from urn:" in found[1]
    assert "pulumi:providers:aws::aws is declared no longer" in found[0]
    alias = Alias(name="aws")
    assert (
        judged(
            lambda: House("one", provider()),
            lambda: House("one", provider("account", aliases=[alias])),
        )
        == []
    )


def test_a_field_that_cannot_be_changed_in_place() -> None:
    def program(name: str) -> None:
        kubernetes.core.v1.Namespace("airflow", metadata={"name": name, "labels": {"a": name}})

    (found,) = judged(lambda: program("one"), lambda: program("two"))
    assert "metadata.name changes from 'one' to 'two'; lost is every object in it" in found


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ({"protect": True}, "loses protect=True"),
        ({"retain_on_delete": True}, "loses retain_on_delete=True"),
        ({"ignore_changes": ["description"]}, "has ignore_changes=['description']"),
    ],
)
def test_protection_is_not_lost(options: dict[str, Any], lost: str) -> None:
    def before() -> None:
        House("one", secret_options=ResourceOptions(**options))

    (found,) = judged(before, lambda: House("one"))
    assert found.startswith("aws:secretsmanager/secret:Secret one-secret ")
    assert lost in found
    assert judged(lambda: House("one"), before) == []


def test_a_record_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "FOLDER", tmp_path)
    recorded = RecordedStack.of(
        {"airflow-postgres:region": "eu-west-1"}, record(lambda: House("one", provider()))
    )
    revision = history.Revision(
        commit="0123456789abcdef", day=date(2026, 11, 22), stacks={"test": recorded}
    )
    assert history.Revision.load(revision.save()) == revision
