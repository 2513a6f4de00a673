"""Secrets Manager's rotation: when a secret is due, its function is invoked for the four steps.

All four carry one version's id, and that version has the label AWSPENDING before the first of them.
A failed step makes the rotation begin again with the same version, a few times. Of schedules it
knows days and `rate(...)`; windows are not kept, a rotation begins when it is due.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.exceptions import InvalidParameterException, InvalidRequestException
from moto.secretsmanager.models import FakeSecret

from local.account.errors import AwsError, not_authorized
from local.account.events import deliver, may_invoke
from local.account.resources import function_arn
from local.account.rotation_rules import interval, rules_of
from local.account.secrets import CURRENT, PENDING, Secrets, labels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.account.calls import Call
    from local.account.functions import Functions, Runtime
    from local.account.principals import Principal

log = logging.getLogger(__name__)

SERVICE = "secretsmanager.amazonaws.com"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

# AWS says `several times`, within the window.
_ATTEMPTS = 5
_PAUSE = 1.0  # seconds between two
_POLL = 1.0  # seconds between two looks at what is due
_NOT_COMPLETE = "A previous rotation isn't complete. That rotation will be reattempted."
_NOT_INVOKED = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
    f"grants access to the principal {SERVICE}."
)


class StepError(Exception):
    """A step failed; the text is the function's error."""


@dataclass(frozen=True, kw_only=True)
class _Rotation:
    """One that runs: which version of which secret, by which function."""

    arn: str
    function: str
    version: str


class Rotations:
    """Answers RotateSecret and rotates what is due; the caller does not hold the account's lock.

    Args:
        runtime: what functions need of the account.
        functions: runs them.
        clock: the account's time.
    """

    def __init__(self, runtime: Runtime, functions: Functions, clock: Callable[[], float]) -> None:
        self._runtime = runtime
        self._functions = functions
        self._clock = clock
        # By the secret's ARN; whether somebody has asked for it once more meanwhile.
        self._running: dict[str, bool] = {}
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to look for what is due."""
        threading.Thread(target=self._watch, daemon=True, name="rotations").start()

    def close(self) -> None:
        """Begin no rotation any more."""
        self._ended.set()

    def rotate(self, call: Call, caller: Principal) -> dict[str, Any]:
        """RotateSecret: remember how the secret is rotated, and do it now unless told otherwise.

        Raises:
            AwsError: the caller or Secrets Manager may not invoke the function.
        """
        given = call.parameters
        at_once = given.get("RotateImmediately") is not False
        with self._runtime.lock:
            secret = self._store.secret(str(given["SecretId"]))
            function = str(given.get("RotationLambdaARN") or secret.rotation_lambda_arn or "")
            self._check_function(function, secret, caller, call)
            rules = rules_of(given.get("RotationRules"), secret)
            stuck = self._stuck(secret)
            if secret.arn in self._running:
                raise InvalidRequestException(_NOT_COMPLETE)
            if CURRENT not in labels_of(secret):
                raise InvalidRequestException("The secret has no value yet that could be rotated.")
            secret.rotation_requested = secret.rotation_enabled = True
            secret.rotation_lambda_arn = function
            secret.rotation_rules = rules  # type: ignore[attr-defined] # moto has days only
            secret.next_rotation_date = self._next(rules)
            version = stuck or str(given.get("ClientRequestToken") or uuid.uuid4())
            rotation = _Rotation(arn=secret.arn, function=function, version=version)
            if at_once and not stuck:
                self._attach(secret, version)
            self._runtime.save()
        if at_once:
            self._begin(rotation)
            if stuck:
                raise InvalidRequestException(_NOT_COMPLETE)
        elif not stuck:
            self._try_out(rotation)
        answer = {"ARN": secret.arn, "Name": secret.name}
        return {**answer, "VersionId": version} if at_once else answer

    @property
    def _store(self) -> Secrets:
        store = self._runtime.backends.secrets
        if not isinstance(store, Secrets):
            raise TypeError("moto's classes have to be replaced before the account is made.")
        return store

    def _check_function(
        self, function: str, secret: FakeSecret, caller: Principal, call: Call
    ) -> None:
        """Refuse a function that does not exist, or that the one or the other may not invoke."""
        if not function:
            raise InvalidRequestException(
                "No Lambda rotation function ARN is associated with this secret."
            )
        backends, action = self._runtime.backends, "lambda:InvokeFunction"
        arn = function_arn(function, backends)
        decision = self._runtime.authorizer.decide(caller, action, arn, {})
        if not decision.allowed:
            raise not_authorized(caller.arn, action, arn, decision.reason)
        if not may_invoke(self._runtime, function, SERVICE, secret.arn):
            raise AwsError("AccessDeniedException", _NOT_INVOKED)
        log.info("%s: %s by %s", call.name, secret.name, function)

    def _stuck(self, secret: FakeSecret) -> str | None:
        """The version of a rotation that was not completed."""
        labels = labels_of(secret)
        pending = labels.get(PENDING)
        return pending if pending and pending != labels.get(CURRENT) else None

    def _attach(self, secret: FakeSecret, version: str) -> None:
        if version in secret.versions:
            raise InvalidParameterException(f"Version {version} exists already.")
        self._store.attach_pending(secret, version)

    def _next(self, rules: Mapping[str, Any]) -> int | None:
        """When a secret is due that is rotated by these rules and was right now."""
        seconds = interval(rules)
        return int(self._clock()) + seconds if seconds else None

    def _watch(self) -> None:
        while not self._ended.wait(_POLL):
            for rotation in self._due():
                self._begin(rotation)

    def _due(self) -> list[_Rotation]:
        """What is due by now, each with the version that is to become the current one."""
        due = []
        with self._runtime.lock:
            for secret in list(self._store.secrets.values()):
                if not isinstance(secret, FakeSecret) or secret.is_deleted():
                    continue
                when = secret.next_rotation_date
                if not secret.rotation_enabled or when is None or when > self._clock():
                    continue
                version = self._stuck(secret) or str(uuid.uuid4())
                if version not in secret.versions:
                    self._attach(secret, version)
                secret.next_rotation_date = self._next(secret.rotation_rules)  # type: ignore[attr-defined] # moto has days only
                due.append(
                    _Rotation(arn=secret.arn, function=secret.rotation_lambda_arn, version=version)
                )
            if due:
                self._runtime.save()
        return due

    def _begin(self, rotation: _Rotation) -> None:
        """Rotate in the background, one secret once at a time."""
        with self._runtime.lock:
            if rotation.arn in self._running:
                self._running[rotation.arn] = True
                return
            self._running[rotation.arn] = False
        threading.Thread(target=self._run, args=(rotation,), daemon=True).start()

    def _run(self, rotation: _Rotation) -> None:
        self._tell(rotation, "RotationStarted")
        try:
            self._tell(rotation, outcome := self._attempts(rotation))
        finally:
            with self._runtime.lock:
                asked = self._running.pop(rotation.arn)
        if asked and outcome == "RotationFailed":
            self._begin(rotation)

    def _attempts(self, rotation: _Rotation) -> str:
        """Try until it succeeds; how it ended, as the event of AWS is called."""
        for attempt in range(_ATTEMPTS):
            if attempt and self._ended.wait(_PAUSE):
                break
            if not self._goes_on(rotation):
                return "RotationAbandoned"
            try:
                for step in STEPS:
                    self._step(rotation, step)
            except StepError as error:
                log.warning("rotation of %s failed: %s", rotation.arn, error)
                continue
            with self._runtime.lock:
                secret = self._store.secrets.get(rotation.arn)
                if isinstance(secret, FakeSecret) and self._stuck(secret) is None:
                    secret.last_rotation_date = int(self._clock())
                    self._runtime.save()
                    return "RotationSucceeded"
        return "RotationFailed"

    def _goes_on(self, rotation: _Rotation) -> bool:
        """Whether nobody has put an end to it: by hand, by turning it off, by deleting."""
        with self._runtime.lock:
            secret = self._store.secrets.get(rotation.arn)
            return (
                isinstance(secret, FakeSecret)
                and not secret.is_deleted()
                and bool(secret.rotation_enabled)
                and labels_of(secret).get(PENDING) == rotation.version
            )

    def _step(self, rotation: _Rotation, step: str) -> None:
        token = rotation.version
        event = {"Step": step, "SecretId": rotation.arn, "ClientRequestToken": token}
        if not may_invoke(self._runtime, rotation.function, SERVICE, rotation.arn):
            raise StepError(f"{step}: {_NOT_INVOKED}")
        try:
            outcome = self._functions.run(rotation.function, event)
        except (AwsError, JsonRESTError) as error:
            raise StepError(f"{step}: {error.message}") from None
        if outcome.failed:
            failure = json.loads(outcome.payload)
            raise StepError(f"{step}: {failure.get('errorMessage')}")

    def _try_out(self, rotation: _Rotation) -> None:
        """Test the configuration: the step testSecret alone, on a version that goes again."""
        with self._runtime.lock:
            secret = self._store.secret(rotation.arn)
            current = secret.versions[labels_of(secret)[CURRENT]]
            value = {key: current[key] for key in ("secret_string",) if key in current}
            self._store.attach_pending(secret, rotation.version, value)
        try:
            self._step(rotation, "testSecret")
        except StepError as error:
            log.warning("rotation of %s is not as it should be: %s", rotation.arn, error)
            self._tell(rotation, "TestRotationFailed")
        else:
            self._tell(rotation, "TestRotationSucceeded")
        finally:
            with self._runtime.lock:
                self._store.detach_pending(secret)
                secret.versions.pop(rotation.version, None)
                self._runtime.save()

    def _tell(self, rotation: _Rotation, name: str) -> None:
        """Publish an event as CloudTrail's, to the rules that match it."""
        log.info("%s: %s", name, rotation.arn)
        account, region = self._runtime.backends.account, self._runtime.backends.region
        moment = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        deliver(
            self._runtime,
            self._functions,
            {
                "source": "aws.secretsmanager",
                "detail-type": "AWS Service Event via CloudTrail",
                "account": account,
                "region": region,
                "time": moment,
                "detail": {
                    "eventTime": moment,
                    "eventSource": SERVICE,
                    "eventName": name,
                    "eventType": "AwsServiceEvent",
                    "awsRegion": region,
                    "additionalEventData": {"SecretId": rotation.arn},
                },
            },
        )
