"""The steps of a key's rotation: `add`, `promote`, `retire`; `replace` where there is no overlap.

Between two steps the pods of Airflow are restarted, which is not the function's. Each step may be
repeated, and refuses to come before its turn. One that died half-way has changed nothing, as a
value is put in one piece; the value before stays as AWSPREVIOUS.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambdas.airflow_keys.keyring import ADDED, PROMOTED, SETTLED, Keyring
from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import BusyError, RotationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.airflow_keys.request import Request
    from lambdas.airflow_keys.secret import Secret, Version

_REENCRYPTED = b"airflow: nothing is encrypted with an older key"
# Step to the phase that it begins in, and the one that it leads to.
_WAYS = {
    "add": (SETTLED, ADDED),
    "promote": (ADDED, PROMOTED),
    "retire": (PROMOTED, SETTLED),
}
_BEFORE = {ADDED: "promote", PROMOTED: "retire", SETTLED: "add"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step has come to; it holds no key.

    Attributes:
        done: whether this very call has put a value.
        phase: how far the rotation is now.
        version: the current version's name.
        since: when that was put: pods that are older do not have it.
        retire_at: from when on `retire` is allowed; None if that is no matter of time.
    """

    done: bool
    phase: str
    version: str
    since: datetime
    retire_at: datetime | None = None


def reencrypted(key: str) -> str:
    """What only who holds a Fernet key can say: that it alone reads all that is encrypted.

    Airflow's pods say it once they have looked: `reencrypt.py`.
    """
    return hmac.new(key.encode(), _REENCRYPTED, hashlib.sha256).hexdigest()


class Steps:
    """Takes the steps for one key.

    Args:
        secret: the key's.
        kind: of key.
        overlap: how long tokens may live that a retired key has signed.
        now: the time, with its zone.
    """

    def __init__(
        self, secret: Secret, kind: str, *, overlap: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._secret = secret
        self._kind = kind
        self._overlap = overlap
        self._now = now

    def take(self, request: Request) -> Outcome:
        """Take the step that is asked for; `phase` is none, and only looks.

        Raises:
            FunctionError: it is not its turn, or it cannot be taken; nothing has changed then.
        """
        version = self._secret.read()
        keyring = self._keyring(version)
        if request.step == "phase":
            return self._outcome(version, keyring)
        if request.step == "replace":
            after = Keyring(keys=(KINDS[self._kind](),), use=0)
            return self._put(version, after, request.step)
        begins, leads = _WAYS[request.step]
        if keyring.phase == leads:
            return self._outcome(version, keyring)
        if keyring.phase != begins:
            raise RotationError(
                f"The {self._kind} key in {self._secret.arn} is {keyring.phase}, which is not the "
                f"time for {request.step}: the step that comes next is {_BEFORE[keyring.phase]}."
            )
        if request.step == "add":
            return self._put(version, keyring.add(KINDS[self._kind]()), request.step)
        if request.step == "promote":
            return self._put(version, keyring.promote(), request.step)
        self._check_retirement(version, keyring, request)
        return self._put(version, keyring.retire(), request.step)

    def _keyring(self, version: Version) -> Keyring:
        try:
            return Keyring.parse(self._kind, version.text)
        except RotationError as error:
            raise RotationError(
                f"Secret {self._secret.arn} cannot be rotated: {error} Move AWSCURRENT to the "
                "version that Airflow's pods were started with."
            ) from None

    def _check_retirement(self, version: Version, keyring: Keyring, request: Request) -> None:
        if self._kind == "fernet":
            if not hmac.compare_digest(request.proof, reencrypted(keyring.newest)):
                raise RotationError(
                    f"The older fernet key in {self._secret.arn} may still be needed: run "
                    "reencrypt.py in a pod of the scheduler, and pass what it prints as proof."
                )
        elif not request.force and self._now() < self._retire_at(version):
            raise RotationError(
                f"The older {self._kind} key in {self._secret.arn} may have signed tokens that are "
                f"valid until {self._retire_at(version):%Y-%m-%d %H:%M:%S} UTC: retire it then, or "
                "pass force if it has leaked."
            )

    def _put(self, before: Version, after: Keyring, step: str) -> Outcome:
        # Named after what it follows: of two at once, the second does not undo the first.
        name = hashlib.sha256(f"{before.version} {step}".encode()).hexdigest()
        try:
            self._secret.put(after.text, name)
            done = True
        except BusyError:
            done = False
        version = self._secret.read()
        keyring = self._keyring(version)
        if keyring.phase != after.phase or version.version == before.version:
            raise RotationError(
                f"Version {name} of {self._secret.arn} is there, and not the current one: somebody "
                "has moved AWSCURRENT. Move it to that version, or put the value anew, which makes "
                "another one."
            )
        return self._outcome(version, keyring, done=done)

    def _outcome(self, version: Version, keyring: Keyring, *, done: bool = False) -> Outcome:
        waits = self._kind == "jwt" and keyring.phase == PROMOTED
        return Outcome(
            done=done,
            phase=keyring.phase,
            version=version.version,
            since=version.created,
            retire_at=self._retire_at(version) if waits else None,
        )

    def _retire_at(self, version: Version) -> datetime:
        return version.created + self._overlap
