"""The steps of a rotation. Each may be cut off anywhere, repeated, or come when it is too late.

Two logins take turns: what is changed is always the login that the current version does not name.
Whoever changes a login or moves AWSCURRENT holds the lock of the pair, and looks at the labels once
more when he has it; so a step that comes late finds that it is too late, and changes nothing.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambdas.rotate_postgres.credential import Credential
from lambdas.rotate_postgres.probe import prove
from lambdas.rotate_postgres.roles import prove_pair, read_pair, set_password
from lambdas.rotate_postgres.versions import CURRENT, PENDING
from lambdas.shared.errors import (
    ConnectionLimitError,
    LoginRefusedError,
    NotProvenError,
    RotationError,
    TemporaryError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.rotate_postgres.access import Access
    from lambdas.rotate_postgres.settings import Rotation
    from lambdas.rotate_postgres.versions import Labels, Versions
    from lambdas.shared.database import Session
    from lambdas.shared.log import Log

# What the version of the first value is called after, beside the one that it takes the place of.
_FIRST_VERSION = "rotate-postgres-first-value-of-the-secret"
# A rotation that is due has a day until somebody is told.
_GRACE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What can be asked of the function, for one secret and its pair.

    Each step returns one word on what it found or did.
    """

    rotation: Rotation
    versions: Versions
    access: Access
    log: Log
    now: Callable[[], datetime]

    def create(self, token: str) -> str:
        """Put a credential of the login that is not current; one that was put before stays."""
        labels = self._labels(token)
        if labels is None:
            return "done before"
        held = self.versions.read(token)
        if held is not None:
            self._checked(held.text, labels)
            return "kept"
        current = self._credential(labels.current)
        self._look_at(current)
        known = current or self._credential(labels.previous)
        fresh = Credential.fresh(self.rotation.other(known.username if known else None))
        self.versions.put(token, fresh.text(self.rotation), PENDING)
        return "put"

    def set(self, token: str) -> str:
        """Make PostgreSQL take the pending credential, and both logins what is declared."""
        found = self._pending(token)
        if found is None:
            return "done before"
        pending, _ = found
        with closing(self.access.as_rotator(change=pending)) as session:
            if self._pending(token) is None:
                return "done before"
            set_password(session, self.rotation, pending.username)
        return "set"

    def test(self, token: str) -> str:
        """Try the pending credential. Without one it is the current one's turn.

        Secrets Manager asks for that alone when rotation is configured, with a version that is not
        to become the current one, and may name the current login.
        """
        labels = self._labels(token)
        if labels is None:
            return "done before"
        held, label = self.versions.read(token), PENDING
        if held is None:
            held, label = self.versions.read(labels.current), CURRENT
        if held is None:
            raise self._no_value(token)
        self._prove(Credential.written(held.text, self.rotation, label))
        return "proven"

    def finish(self, token: str) -> str:
        """Make the pending version the current one, once it has proven to work."""
        if self._pending(token) is None:
            return "done before"
        with closing(self.access.as_rotator()) as session:
            found = self._pending(token)
            if found is None:
                return "done before"
            pending, labels = found
            # Before the login: of one that IAM has taken over, its refusal does not tell.
            prove_pair(read_pair(session, self.rotation), self.rotation)
            self._prove(pending)
            self._still_kept(session)
            self.versions.promote(token, instead_of=labels.current)
        return "promoted"

    def first(self) -> str:
        """Give a secret whose current value holds no password one, which works by then.

        It may hold another: the connection of a workflow that used IAM until now.
        """
        if self._has_password():
            return "kept"
        credential = Credential.fresh(self.rotation.logins[0])
        with closing(self.access.as_rotator(change=credential)) as session:
            if self._has_password():
                return "kept"
            current = self.versions.labels().current or ""
            set_password(session, self.rotation, credential.username)
            self._prove(credential)
            self._still_kept(session)
            # Of two that put one at once, the second finds the version taken.
            version = hashlib.sha256(f"{_FIRST_VERSION} {current}".encode()).hexdigest()
            self.versions.put(version, credential.text(self.rotation), CURRENT)
        return "put"

    def check(self) -> str:
        """Raise if the current credential does not work, or is older than it should be."""
        version = self.versions.read(self.versions.labels().current)
        if version is None:
            raise RotationError(
                f"Secret {self.rotation.secret} has no current value: run `pulumi up`, which "
                "invokes this function for the first one."
            )
        age = self.now() - version.created
        if age > timedelta(days=self.rotation.interval_days) + _GRACE:
            self.log.write("login_overdue", days=age.days)
            raise RotationError(
                f"The credential of {self.rotation.secret} is {age.days} days old and is to be "
                f"rotated every {self.rotation.interval_days}: look in this function's log for "
                "what the rotation failed of, put it right and rotate."
            )
        try:
            self._prove(Credential.written(version.text, self.rotation, CURRENT))
        except ConnectionLimitError:
            # Counted after the login itself, and its clients may use up all it has.
            return "at its connection limit"
        return "works"

    def _has_password(self) -> bool:
        held = self.versions.read(self.versions.labels().current)
        return held is not None and Credential.read(held.text) is not None

    def _labels(self, token: str) -> Labels | None:
        """Return who has which label; None if the token's version is the current one already.

        Raises:
            RotationError: the token's version is not the one to become it.
        """
        labels = self.versions.labels()
        if not labels.rotates:
            raise self._refused("its rotation is off: turn it on")
        if labels.current == token:
            return None
        if token not in labels.versions:
            raise self._refused(f"it has no version {token}: rotate, and Secrets Manager makes one")
        if labels.pending != token:
            raise self._refused(f"AWSPENDING is not on version {token}: another rotation has begun")
        return labels

    def _pending(self, token: str) -> tuple[Credential, Labels] | None:
        """Return the pending credential and the labels; None if it is the current one already."""
        labels = self._labels(token)
        if labels is None:
            return None
        held = self.versions.read(token)
        if held is None:
            raise self._no_value(token)
        return self._checked(held.text, labels), labels

    def _checked(self, text: str, labels: Labels) -> Credential:
        """Return the credential of the pending version, whose login must not be the current one."""
        pending = Credential.written(text, self.rotation, PENDING)
        current = self._credential(labels.current)
        if current is not None and current.username == pending.username:
            raise self._refused(
                f"AWSPENDING names {pending.username}, as AWSCURRENT does: take the label "
                "AWSPENDING away from its version and rotate again"
            )
        return pending

    def _credential(self, version: str | None) -> Credential | None:
        """Return what a version holds, if it is a credential of the pair."""
        held = self.versions.read(version)
        credential = Credential.read(held.text) if held else None
        known = credential is not None and credential.username in self.rotation.logins
        return credential if known else None

    def _look_at(self, current: Credential | None) -> None:
        """Log whether the current credential works; the rotation is what repairs it."""
        if current is None:
            self.log.write("current_refused", reason="AWSCURRENT holds no credential of the pair")
            return
        try:
            self.access.by(current).close()
        except LoginRefusedError as error:
            self.log.write("current_refused", login=current.username, reason=str(error))
        except TemporaryError as error:
            self.log.write("current_not_tried", login=current.username, reason=str(error))

    def _prove(self, credential: Credential) -> None:
        try:
            session = self.access.by(credential)
        except LoginRefusedError as error:
            raise NotProvenError(
                f"{credential.username} does not get in with its password: {error} It was changed "
                "by somebody else, setSecret has not been, or the login is a member of rds_iam: "
                "rotate again."
            ) from None
        with closing(session):
            prove(session, self.rotation, credential.username)

    def _still_kept(self, session: Session) -> None:
        """Raise if the session is lost, and with it the lock."""
        session.run("SELECT 1")

    def _no_value(self, token: str) -> RotationError:
        return self._refused(f"its version {token} has no value: createSecret comes first")

    def _refused(self, why: str) -> RotationError:
        return RotationError(
            f"This step changed nothing of secret {self.rotation.secret}, as {why}."
        )
