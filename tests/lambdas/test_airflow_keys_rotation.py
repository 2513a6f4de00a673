"""Steps of a key's rotation, each in its turn, repeated, too early, at once; against moto's API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lambdas.airflow_keys import handler, steps
from lambdas.airflow_keys.steps import reencrypted
from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import RotationError
from tests.lambdas.key_secrets import OVERLAP, MakeKey, filled
from tests.secret_forms import text_forms

pytest_plugins = ["tests.lambdas.key_secrets"]


def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let the function's clock be ahead of Secrets Manager's."""

    class Clock:
        @staticmethod
        def now(tz: tzinfo) -> datetime:
            return datetime.now(tz) + timedelta(seconds=seconds)

    monkeypatch.setattr(handler, "datetime", Clock)


def test_a_fernet_key_is_rotated_step_by_step(
    key: MakeKey, capfd: pytest.CaptureFixture[str]
) -> None:
    """At each step whoever has the value before reads what is encrypted with the one after."""
    one = filled(key, "fernet")
    old = one.value()

    assert one.step("add") == (True, "added")
    (first, new), use = one.keys()
    assert (first, use) == (old, 0)
    assert one.value("AWSPREVIOUS") == old
    assert one.step("promote") == (True, "promoted")
    assert one.keys() == ([old, new], 1)
    assert one.step("retire", proof=reencrypted(new)) == (True, "settled")
    assert one.value() == new
    # Not lost, should it be missed after all.
    assert json.loads(one.value("AWSPREVIOUS")) == {"keys": [old, new], "use": 1}

    assert old != new
    assert MultiFernet([Fernet(new), Fernet(old)]).decrypt(Fernet(old).encrypt(b"x")) == b"x"
    told = (one.told + capfd.readouterr().out).encode()
    for secret in (old, new):
        assert not [form for form in text_forms(secret) if form in told]


def test_each_step_may_be_repeated(key: MakeKey) -> None:
    one = filled(key, "fernet")
    for step, phase in (("add", "added"), ("promote", "promoted"), ("retire", "settled")):
        proof = {"proof": reencrypted(one.keys()[0][-1])} if step == "retire" else {}
        assert one.step(step, **proof) == (True, phase)
        before = one.value()
        assert one.step(step, **proof) == (False, phase)
        assert one.step("phase") == (False, phase)
        assert one.value() == before


@pytest.mark.parametrize("kind", ["fernet", "jwt"])
def test_a_step_out_of_its_turn_changes_nothing(key: MakeKey, kind: str) -> None:
    one = filled(key, kind)
    before = one.value()
    with pytest.raises(RotationError, match=r"is settled, which is not .* promote: .* next is add"):
        one.step("promote")
    assert one.value() == before

    one.step("add")
    before = one.value()
    forced = {"proof": reencrypted(one.keys()[0][-1])} if kind == "fernet" else {"force": True}
    with pytest.raises(RotationError, match=r"is added, which .* retire: .* next is promote\.$"):
        one.step("retire", **forced)
    assert one.value() == before

    one.step("promote")
    before = one.value()
    with pytest.raises(RotationError, match=r"is promoted, which .* add: .* next is retire\.$"):
        one.step("add")
    assert one.value() == before


@pytest.mark.parametrize("proof", [None, "older", "no proof"])
def test_a_fernet_key_stays_until_it_is_proven_that_nobody_needs_it(
    key: MakeKey, proof: str | None
) -> None:
    one = filled(key, "fernet")
    one.step("add")
    one.step("promote")
    before = one.value()
    wrong = reencrypted(one.keys()[0][0]) if proof == "older" else proof
    with pytest.raises(RotationError, match=r"may still be needed: run reencrypt\.py in a pod"):
        one.step("retire", **({"proof": wrong} if wrong else {}))
    assert one.value() == before


def test_a_jwt_key_stays_as_long_as_its_tokens(
    key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = filled(key, "jwt")
    one.step("add")
    assert one.invoke(step="phase")["retireAt"] is None
    answer = one.invoke(step="promote")
    retire_at = datetime.fromisoformat(answer["retireAt"])
    assert retire_at - datetime.fromisoformat(answer["since"]) == timedelta(seconds=OVERLAP)
    assert abs(retire_at - datetime.now(UTC) - timedelta(seconds=OVERLAP)) < timedelta(minutes=1)

    later(monkeypatch, OVERLAP - 60)
    with pytest.raises(RotationError, match=rf"valid until {retire_at:%Y-%m-%d %H:%M}:\d\d UTC"):
        one.step("retire")
    later(monkeypatch, OVERLAP + 60)
    (_, new), _ = one.keys()
    assert one.step("retire") == (True, "settled")
    assert one.value() == new


def test_a_jwt_key_that_has_leaked_is_retired_at_once(
    key: MakeKey, capfd: pytest.CaptureFixture[str]
) -> None:
    one = filled(key, "jwt")
    one.step("add")
    one.step("promote")
    assert one.step("retire", force=True) == (True, "settled")
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["force"] is True


def test_jwt_keys_are_ed25519(key: MakeKey) -> None:
    one = filled(key, "jwt")
    one.step("add")
    keys, _ = one.keys()
    made = [load_pem_private_key(each.encode(), None) for each in keys]
    assert all(isinstance(each, Ed25519PrivateKey) for each in made)
    assert keys[0] != keys[1]


def test_of_two_that_add_at_once_one_key_comes_out(
    key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second reads the value before the first has put: it puts nothing, and is told of it."""
    one = filled(key, "fernet")
    values: list[str] = []

    def slow() -> str:
        if not values:
            values.append("")
            assert one.step("add") == (True, "added")
            values.append(one.value())
        return KINDS["fernet"]()

    monkeypatch.setattr(steps, "KINDS", {"fernet": slow})
    assert one.step("add") == (False, "added")
    assert one.value() == values[-1]


def test_a_step_that_was_overtaken_by_the_next_undoes_nothing(
    key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = filled(key, "fernet")
    phases: list[tuple[bool, str]] = []

    def slow() -> str:
        if not phases:
            phases.append((False, "settled"))
            phases.extend([one.step("add"), one.step("promote")])
        return KINDS["fernet"]()

    monkeypatch.setattr(steps, "KINDS", {"fernet": slow})
    with pytest.raises(RotationError, match="somebody has moved AWSCURRENT"):
        one.step("add")
    assert one.step("phase") == (False, "promoted")


def test_a_value_that_was_taken_back_by_its_label_is_a_sentence(key: MakeKey) -> None:
    one = filled(key, "fernet")
    before = one.invoke(step="phase")["version"]
    after = one.invoke(step="add")["version"]
    one.client.update_secret_version_stage(
        SecretId=one.arn,
        VersionStage="AWSCURRENT",
        MoveToVersionId=before,
        RemoveFromVersionId=after,
    )
    with pytest.raises(RotationError, match=rf"^Version {after} .*: somebody has moved AWSCURRENT"):
        one.step("add")


def test_the_api_key_is_replaced(key: MakeKey) -> None:
    one = filled(key, "api")
    before = one.value()
    assert one.step("replace") == (True, "settled")
    assert one.value() != before
    assert one.value("AWSPREVIOUS") == before
