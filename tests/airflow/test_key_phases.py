"""Airflow itself, with the files that its pods have in each phase of a key's rotation.

Pods are restarted one after the other, so those of one phase meet those of the next.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambdas.airflow_keys.keyring import Keyring
from lambdas.airflow_keys.values import KINDS
from tests.airflow.home import PYTHON, SOURCE, make_home, needs_image

pytestmark = needs_image
SCRIPT = Path(__file__).with_name("key_phases.py")


def asked(home: Path, **what: object) -> dict[str, Any]:
    """The script's answer."""
    done = subprocess.run(
        [PYTHON, SCRIPT],
        input=json.dumps({"folder": str(home), **what}),
        env={"AIRFLOW_HOME": str(home), "PYTHONPATH": str(SOURCE), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("first", [KINDS["jwt"](), "a jwt_secret, as environments had before"])
def test_tokens_of_each_phase_are_good_in_the_one_before_and_after(
    tmp_path: Path, first: str
) -> None:
    """A token of the retired key is refused, also when somebody signs with that after all."""
    settled = Keyring(keys=(first,), use=0)
    added = settled.add(KINDS["jwt"]())
    phases = [settled, added, added.promote(), added.promote().retire()]

    answer = asked(make_home(tmp_path / "home"), values=[phase.text for phase in phases])

    old, new = (True, True, False, False), (False, False, True, True)
    both = tuple(map(any, zip(old, new, strict=True)))
    symmetric = not first.startswith("-----BEGIN")
    assert answer["accepted"] == [
        [*old, symmetric],
        [*both, symmetric],
        [*both, symmetric],
        [*new, False],
    ]
    headers = answer["headers"][:-1]
    assert [one["alg"] for one in headers] == [
        *["HS512" if symmetric else "EdDSA"] * 2,
        *["EdDSA"] * 2,
    ]
    assert len({one["kid"] for one in headers}) == 2


def test_everything_is_encrypted_anew_and_nothing_that_changes_is_lost(tmp_path: Path) -> None:
    answer = asked(make_home(tmp_path / "home"))

    # What Airflow's own command rotates; with another release, more may be encrypted.
    assert answer["known"] == answer["rotated"]
    values = {int(key): value for key, value in answer["values"].items()}
    assert values == {n: "changed" if n == 0 else str(n) for n in range(450) if n != 3}
    assert answer["count"] == 449, "the trigger is gone, and one variable is not encrypted"
    assert answer["error"] == (
        "No key reads variable.val of id 7: set them anew or delete them, and run this again."
    )
