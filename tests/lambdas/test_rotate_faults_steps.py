"""Steps that come twice, late, out of order, or are cut off; each test bears its fault's number."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.shared.errors import (
    NotProvenError,
    RotationError,
    SecretError,
    SecretsBusyError,
    UnreachableError,
)
from tests.lambdas.operations import Faulty, Killed, Recorded, aws_error, die
from tests.lambdas.rotating_pair import STEPS

if TYPE_CHECKING:
    from tests.lambdas.rotating_pair import RotatingPair

pytest_plugins = ["tests.lambdas.rotation_fixtures"]


@pytest.mark.parametrize("step", STEPS, ids=["F01_create", "F02_set", "F03_test", "F04_finish"])
def test_a_step_that_is_delivered_twice(pair: RotatingPair, step: str) -> None:
    token = pair.begin()
    for one in STEPS[: STEPS.index(step)]:
        pair.take(one, token)
    pair.take(step, token)
    pending, labels = pair.credential("AWSPENDING"), pair.labels

    again = pair.take(step, token)

    assert again == {"createSecret": "kept", "finishSecret": "done before"}.get(
        step, {"setSecret": "set", "testSecret": "proven"}.get(step)
    )
    assert (pair.credential("AWSPENDING"), pair.labels) == (pending, labels)
    pair.assert_works()
    pair.rotate(token)
    pair.assert_works(pending)


def test_f04_two_that_finish_at_once(pair: RotatingPair) -> None:
    """The second finds AWSCURRENT moved, between its look and its own move."""
    token = pair.begin()
    pair.rotate(token, STEPS[:3])
    overtaking = Faulty(
        "aws:move",
        before=lambda: pair.store.update_secret_version_stage(
            pair.rotation.secret, "AWSCURRENT", pair.labels["AWSCURRENT"], token
        ),
    )

    assert pair.take("finishSecret", token, operations=overtaking) == "done before"

    assert pair.labels["AWSCURRENT"] == token
    pair.assert_works()


@pytest.mark.parametrize(
    ("step", "where", "fault"),
    [
        ("createSecret", "aws:put", "F05"),
        ("setSecret", "sql:COMMIT", "F06"),
        ("setSecret", "sql:DO", "F06_uncommitted"),
        ("testSecret", "sql:ROLLBACK", "F07"),
        ("finishSecret", "aws:move", "F07_finish"),
        ("setSecret", "sql:ALTER ROLE", "F26_killed_after_alter"),
    ],
    ids=lambda value: value if str(value).startswith("F") else "",
)
@pytest.mark.parametrize("lost", [die, "answer"], ids=["killed", "answer_lost"])
def test_cut_off_and_taken_up_again(
    pair: RotatingPair, step: str, where: str, fault: str, lost: object
) -> None:
    def lose_answer() -> None:
        if where.startswith("aws:"):
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        raise UnreachableError("The connection was lost.")

    token = pair.begin()
    pair.rotate(token, STEPS[: STEPS.index(step)])
    before = pair.credential()
    cut = Faulty(where, after=die if lost is die else lose_answer)

    if lost is die:
        with pytest.raises(Killed):
            pair.take(step, token, operations=cut)
        pair.assert_works()
    else:
        pair.take(step, token, operations=cut)

    assert cut.seen, fault
    pair.assert_works()
    pair.assert_works(before)
    pair.rotate(token)
    assert pair.labels["AWSCURRENT"] == token
    pair.assert_works()


def test_f06_cut_off_at_each_operation_of_set(pair: RotatingPair) -> None:
    """Before and after each of them the current credential works; the next attempt converges."""
    recorded = Recorded()
    token = pair.begin()
    pair.take("createSecret", token)
    pair.take("setSecret", token, operations=recorded)
    pair.rotate(token, STEPS[2:])
    assert len(recorded.names) > 15
    token = pair.begin()
    pair.take("createSecret", token)
    for n in range(1, len(recorded.names) + 1):
        for cut in (Faulty("", before=die, n=n), Faulty("", after=die, n=n)):
            with pytest.raises(Killed):
                pair.take("setSecret", token, operations=cut)
            pair.assert_works()
    pair.rotate(token)
    pair.assert_works()


@pytest.mark.parametrize("taken", [1, 2, 3], ids=lambda n: f"F08_after_{STEPS[n - 1]}")
def test_a_new_rotation_after_one_that_was_left(pair: RotatingPair, taken: int) -> None:
    """Secrets Manager begins none before somebody has taken AWSPENDING away; see the account."""
    left = pair.begin()
    pair.rotate(left, STEPS[:taken])
    pair.store.detach_pending(pair.secret)
    with pytest.raises(RotationError, match=r"changed nothing .* it has no version|AWSPENDING is"):
        pair.take("finishSecret", left)
    token = pair.rotate()
    assert pair.labels["AWSCURRENT"] == token
    pair.assert_works()
    for step in STEPS:
        with pytest.raises(RotationError, match="changed nothing"):
            pair.take(step, left)
    pair.assert_works()


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: f"F09_{step}")
def test_empty_pending_version(pair: RotatingPair, step: str) -> None:
    token = pair.begin()
    if step == "testSecret":
        # What Secrets Manager asks for when it tries a configuration out.
        assert pair.take(step, token) == "proven"
    else:
        with pytest.raises(RotationError, match="has no value: createSecret comes first"):
            pair.take(step, token)
    pair.rotate(token)
    pair.assert_works()


@pytest.mark.parametrize("set_before", [False, True], ids=["F10_without_set", "F10_without_test"])
def test_finish_without_the_steps_before(pair: RotatingPair, set_before: bool) -> None:  # noqa: FBT001 - a parameter
    token = pair.begin()
    pair.take("createSecret", token)
    before = pair.labels
    if set_before:
        # Proven by finish itself: the step testSecret is nobody's word.
        pair.take("setSecret", token)
        pair.take("finishSecret", token)
        pair.assert_works()
        return
    with pytest.raises(NotProvenError, match="does not get in with its password"):
        pair.take("finishSecret", token)
    assert pair.labels == before
    pair.assert_works()


def test_f14_six_that_set_at_once(pair: RotatingPair) -> None:
    token = pair.begin()
    pair.take("createSecret", token)
    barrier = threading.Barrier(6)

    def deliver(_: int) -> str:
        barrier.wait()
        return pair.take("setSecret", token, seconds=30.0)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(deliver, range(6))) == ["set"] * 6
    pair.rotate(token, STEPS[2:])
    pair.assert_works()


def test_f14_two_that_create_at_once(pair: RotatingPair) -> None:
    """The second keeps what the first has put in between."""
    token = pair.begin()
    meanwhile = Faulty("aws:put", before=lambda: pair.take("createSecret", token))
    assert pair.take("createSecret", token, operations=meanwhile) == "kept"
    pair.rotate(token)
    pair.assert_works()


@pytest.mark.parametrize(
    ("step", "where", "code"),
    [
        ("createSecret", "aws:get", "DecryptionFailure"),
        ("createSecret", "aws:put", "EncryptionFailure"),
        ("createSecret", "aws:put", "AccessDeniedException"),
        ("setSecret", "aws:get", "DecryptionFailure"),
        ("setSecret", "aws:describe", "AccessDeniedException"),
    ],
    ids=lambda value: f"F25_{value}" if value[0] in "DEA" else "",
)
def test_key_that_does_not_open(pair: RotatingPair, step: str, where: str, code: str) -> None:
    token = pair.begin()
    pair.rotate(token, STEPS[: STEPS.index(step)])
    before = _verifiers(pair)
    with pytest.raises(SecretError, match=f"{code}.*: (allow|enable)"):
        pair.take(step, token, operations=Faulty(where, before=aws_error(code), times=99))
    assert _verifiers(pair) == before
    pair.assert_works()


@pytest.mark.parametrize("where", ["aws:put", "aws:move", "aws:get", "aws:describe"])
def test_f27_throttled(pair: RotatingPair, where: str) -> None:
    token = pair.begin()
    throttle = aws_error("ThrottlingException", 429)
    for step in STEPS:
        pair.take(step, token, operations=Faulty(where, before=throttle, times=2))
    assert pair.labels["AWSCURRENT"] == token
    pair.assert_works()


def test_f27_throttled_for_too_long(pair: RotatingPair) -> None:
    token = pair.begin()
    throttled = Faulty("aws:put", before=aws_error("ThrottlingException", 429), times=99)
    with pytest.raises(SecretsBusyError, match="ThrottlingException"):
        pair.take("createSecret", token, operations=throttled, seconds=6.5)
    assert throttled.seen > 1
    pair.assert_works()


def _verifiers(pair: RotatingPair) -> list[Any]:
    return pair.server.execute(
        "SELECT rolname, rolpassword FROM pg_authid WHERE rolname <> 'dbmaster' ORDER BY 1"
    )
