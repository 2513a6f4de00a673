"""Rotating Airflow's own keys here: the function's steps, and restarts of the pods in between.

It needs this process's AWS SDK to be pointed at the local account. Elsewhere people take the same
steps by themselves: docs/rotation-keys.md. What a step does is in `lambdas/airflow_keys`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from components import naming
from components.airflow import paths as pod_paths
from components.airflow.configuration import KEYS_OF, WEB_TOKEN_SECONDS
from components.airflow.names import COMPONENTS, SCHEDULER, object_name
from local.airflow import oldest_pod, web
from local.cluster import rollout
from local.paths import Paths
from local.rotation import RotationError
from stacks.settings import load_stack_file

KEYS = ("fernet", "jwt", "api")
"""What can be rotated; `local/fernet` is the one of the environment `local`."""
_STACK = "local"
_FUNCTION = naming.lambda_name(f"airflow-{_STACK}", "airflow-keys")
_POLL_SECONDS = 0.5
_REENCRYPT = ("python", f"{pod_paths.CONFIG}/reencrypt.py")

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a key's rotation is."""

    phase: str
    since: datetime
    """When the current value was put: pods that are not younger do not have it."""
    retire_at: datetime | None


def is_key(what: str) -> bool:
    """Tell whether `what` is a key of Airflow's, with or without its environment."""
    return what.rpartition("/")[2] in KEYS


def rotate(paths: Paths, what: str, progress: Progress) -> None:
    """Rotate a key in every environment of the local stack, or in the one that `what` names.

    What was begun before is gone on with. It may end before the former key is retired, which
    `progress` is told, and when to run it again.

    Args:
        paths: the checkout's.
        what: such as `fernet`, or `local/fernet`.
        progress: is told of each step, and of what is waited for.

    Raises:
        RotationError: there is no such key, a step failed, or Airflow does not run.
        ClusterError: a component does not become ready again.
    """
    environment, _, kind = what.rpartition("/")
    settings = load_stack_file(paths.root, _STACK)
    if kind not in KEYS or environment not in {"", *settings.environments}:
        raise RotationError(
            f"WHAT={what} is no key of Airflow's: write one of "
            + ", ".join(f"WHAT={one}/{key}" for one in settings.environments for key in KEYS)
        )
    for one in [environment] if environment else settings.environments:
        web(paths, one)  # Before anything is changed: Airflow has to run.
        _KeyRotation(paths, one, kind, settings.region, progress).run()


class _KeyRotation:
    """The rotation of one key of one environment."""

    def __init__(
        self, paths: Paths, environment: str, kind: str, region: str, progress: Progress
    ) -> None:
        self._paths = paths
        self._environment = environment
        self._kind = kind
        self._region = region
        self._progress = progress

    def run(self) -> None:
        """Take all steps that can be taken now."""
        if self._kind == "api":
            self._restart(self._step("replace"))
            return
        state = self._step("phase")
        if state.phase == "settled":
            state = self._step("add")
        if state.phase == "added":
            self._restart(state)
            state = self._step("promote")
        restarted = self._restart(state)
        if self._kind == "fernet":
            self._restart(self._step("retire", proof=self._reencrypt()))
            return
        now = datetime.now(UTC)
        # Late restarts: until just now, somebody has signed with the former key.
        needed = now + timedelta(seconds=WEB_TOKEN_SECONDS) if restarted else now
        retire_at = max(needed, state.retire_at or now)
        if now < retire_at:
            self._tell(
                "the new key signs; what the former one has signed is accepted until it is "
                f"retired: run this again after {retire_at:%Y-%m-%d %H:%M} UTC"
            )
            return
        self._restart(self._step("retire"))

    def _step(self, step: str, **more: object) -> State:
        """Have the function take a step.

        Raises:
            RotationError: it refuses, or cannot be asked.
        """
        session = boto3.Session(region_name=self._region)
        try:
            secret = naming.key_secret(self._environment, self._kind)
            arn = session.client("secretsmanager").describe_secret(SecretId=secret)["ARN"]
            event = {"region": self._region, "secrets": {self._kind: arn}, "step": step, **more}
            answer = session.client("lambda").invoke(
                FunctionName=_FUNCTION, Payload=json.dumps(event)
            )
            content: dict[str, Any] = json.loads(answer["Payload"].read())
        except (BotoCoreError, ClientError) as error:
            raise RotationError(f"Step {step} of {secret} was not taken: {error}") from None
        if "FunctionError" in answer:
            raise RotationError(f"{content.get('errorMessage', content)}")
        if step != "phase":
            done = "" if content["done"] else " (it was there already)"
            self._tell(f"{step}: version {content['version'][:8]} is {content['phase']}{done}")
        at = content["retireAt"]
        return State(
            phase=content["phase"],
            since=datetime.fromisoformat(content["since"]),
            retire_at=datetime.fromisoformat(at) if at else None,
        )

    def _restart(self, state: State) -> bool:
        """Replace the pods that do not have the current value, a component at a time."""
        restarted = False
        for component in COMPONENTS:
            if self._kind in KEYS_OF[component] and self._is_stale(component, state):
                self._tell(f"waits for the {component} to be ready again")
                # A pod of the same second could be either.
                time.sleep(max(0, state.since.timestamp() + 1 - time.time()))
                namespace = naming.namespace(self._environment)
                rollout.restart(self._paths, namespace, object_name(component))
                self._wait_until_gone(component, state)
                restarted = True
        return restarted

    def _is_stale(self, component: str, state: State) -> bool:
        """Tell whether a component has a pod, be it about to end, without the current value."""
        oldest = oldest_pod(self._paths, self._environment, component)
        return oldest is None or oldest <= state.since.replace(microsecond=0)

    def _wait_until_gone(self, component: str, state: State) -> None:
        """Wait for pods that still end when others have taken their place: they hold the keys."""
        deadline = time.monotonic() + rollout.READY_SECONDS
        while self._is_stale(component, state):
            if time.monotonic() > deadline:
                raise RotationError(
                    f"A former pod of the {component} in {self._environment} does not end: end it, "
                    "and run the same command again."
                )
            time.sleep(_POLL_SECONDS)

    def _reencrypt(self) -> str:
        """Encrypt everything with the newest key; return the proof of that.

        Raises:
            RotationError: something cannot be read with any key.
        """
        self._tell("encrypts all connections, variables and triggers with the new key")
        ended = rollout.execute(
            self._paths, naming.namespace(self._environment), object_name(SCHEDULER), _REENCRYPT
        )
        if ended.code != 0:
            said = ended.errors.strip().splitlines() or [f"exit code {ended.code}"]
            raise RotationError(said[-1])
        proven = json.loads(ended.output.splitlines()[-1])
        self._tell(f"the new key alone reads all {proven['values']} values")
        return str(proven["proof"])

    def _tell(self, what: str) -> None:
        self._progress(f"{self._environment}/{self._kind}: {what}")
