"""What the function for keys makes of values that secrets may hold, and of its events."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from lambdas.airflow_keys.handler import OVERLAP_VARIABLE, handle
from lambdas.airflow_keys.steps import reencrypted
from lambdas.shared.errors import ConfigurationError, EventError, FunctionError
from tests.lambdas.database_instance import REGION, Context
from tests.lambdas.key_secrets import MakeKey, filled

pytest_plugins = ["tests.lambdas.key_secrets"]


@pytest.mark.parametrize("text", ["a text, with a comma", '{"a": 1}', "7", '["x"]'])
def test_a_jwt_secret_of_before_is_replaced_by_a_key(key: MakeKey, text: str) -> None:
    """A symmetric one, as environments had, or an operator's own: any text is good there."""
    one = key("jwt")
    one.put(text)
    assert one.step("add") == (True, "added")
    (old, new), use = one.keys()
    assert (old, use) == (text, 0)
    one.step("promote")
    one.step("retire", force=True)
    assert one.value() == new


def test_fernet_keys_that_a_person_put_as_airflow_takes_them(key: MakeKey) -> None:
    """The newest first: that is a rotation by hand, after its second restart."""
    one = key("fernet")
    newest, old, oldest = (Fernet.generate_key().decode() for _ in range(3))
    one.put(f"{newest},{old}, {oldest}")
    assert one.step("phase") == (False, "promoted")
    assert one.step("promote") == (False, "promoted")
    assert one.step("retire", proof=reencrypted(newest)) == (True, "settled")
    assert one.value() == newest


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("fernet", "no key", "holds something that is no Fernet key"),
        ("fernet", "", "has no value yet: invoke the function without a step first"),
        ("jwt", "", "has no value yet: invoke the function without a step first"),
        ("jwt", '{"keys": [], "use": 0}', "no list of keys with one in use"),
        ("jwt", '{"keys": ["a", "b"], "use": 2}', "no list of keys with one in use"),
        ("jwt", '{"keys": "ab", "use": 1}', "no list of keys with one in use"),
    ],
)
def test_a_secret_that_holds_no_keys_is_left_alone(
    key: MakeKey, kind: str, value: str, sentence: str
) -> None:
    one = key(kind)
    if value:
        one.put(value)
    for step in ("phase", "add", "promote", "retire"):
        with pytest.raises(FunctionError, match=sentence) as refused:
            one.step(step)
        assert one.arn in str(refused.value)
        assert not value or value not in str(refused.value)
    if value:
        assert one.value() == value


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"step": "go"}, "Event key step is 'go'; allowed is one of add, phase, promote, retire f"),
        ({"step": 1}, "Event key step is 1; allowed is one of"),
        ({"step": "replace"}, "Event key step is 'replace'; allowed is one of add"),
        ({"step": "add", "proof": "x"}, "Event key proof is there with step add of fernet; allow"),
        ({"step": "retire", "proof": ""}, "Event key proof is ''; allowed is a text that is not"),
        ({"step": "retire", "force": True}, "Event key force is there with step retire of fernet"),
        ({"proof": "x"}, "Event key proof is there without a step; allowed is with step retire"),
        (
            {"step": "add", "secrets": {"fernet": "a", "jwt": "b"}},
            "Event key secrets is fernet and jwt; allowed is one secret when there is a step",
        ),
        (
            {"step": "retire", "force": "no", "secrets": {"jwt": "b"}},
            "Event key force is 'no'; allowed is true or false",
        ),
        ({"step": "add", "secrets": {"api": "b"}}, "Event key step is 'add'; allowed is one of ph"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(more: dict[str, object], sentence: str) -> None:
    with pytest.raises(EventError) as refused:
        handle({"region": REGION, "secrets": {"fernet": "a"}, **more}, Context())
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(": correct the input of the invocation.")


@pytest.mark.parametrize("given", ["", "-1", "a day"])
def test_without_the_overlap_nothing_is_rotated(
    key: MakeKey, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    one = filled(key, "jwt")
    monkeypatch.setenv(OVERLAP_VARIABLE, given)
    with pytest.raises(ConfigurationError, match=r"^Variable OVERLAP_SECONDS is .*deploy the func"):
        one.step("add")
