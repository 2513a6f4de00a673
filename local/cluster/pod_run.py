"""The life of one pod: init containers, containers, probes, restarts, and its end.

It is the kubelet's part for one pod. Of hooks (`lifecycle`) only a sleep before the stop is served,
resource limits are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.cluster.containers import Container
from local.cluster.errors import NotFoundError
from local.cluster.place import ClusterError
from local.cluster.probes import Probe, Target
from local.cluster.status import ContainerStatus, now, pod_status

if TYPE_CHECKING:
    from local.cluster.manifests import Object
    from local.cluster.sandbox import Sandbox
    from local.cluster.store import Store

# As the kubelet does: at once, then after 10 s, 20 s, ... 5 minutes; after 10 good minutes anew.
_FIRST_BACK_OFF_SECONDS = 10
_LAST_BACK_OFF_SECONDS = 300
_GOOD_SECONDS = 600
# From SIGKILL to the shim's own end; then the node sees to it itself.
_KILL_SECONDS = 5
_MESSAGE_BYTES = 400


class PodRun:
    """Runs a pod until it has ended.

    Args:
        pod: the pod as the store has it; its status has its address.
        make_sandbox: makes its place here, or raises ClusterError.
        store: is told of every change.
    """

    def __init__(
        self, pod: Object, make_sandbox: Callable[[Object], Sandbox], store: Store
    ) -> None:
        self._pod = pod
        self._store = store
        self._make_sandbox = make_sandbox
        self.sandbox: Sandbox | None = None
        spec, status = pod["spec"], pod["status"]
        self._init = [
            ContainerStatus.of(one, status.get("initContainerStatuses") or [])
            for one in spec.get("initContainers") or []
        ]
        self._main = [
            ContainerStatus.of(one, status.get("containerStatuses") or [])
            for one in spec["containers"]
        ]
        self._phase = "Pending"
        self._stopping = asyncio.Event()
        self._retry = asyncio.Event()
        self._running: dict[str, tuple[Container, asyncio.Task[int]]] = {}
        self._terminated: set[str] = set()

    async def run(self) -> None:
        """Take the pod from where it is to its end; its last phase is then in the store."""
        self._status.setdefault("startTime", now())
        if await self._place():
            policy = self._pod["spec"].get("restartPolicy") or "Always"
            if await self._initialize(policy):
                self._phase = "Running"
                await _together(
                    self._supervise(container, status, policy)
                    for container, status in zip(self._spec("containers"), self._main, strict=True)
                )
        good = all(one.exit_code == 0 for one in (*self._init, *self._main))
        self._publish("Succeeded" if good else "Failed")

    async def stop(self, grace_seconds: float) -> None:
        """End the pod: its hooks, SIGTERM, SIGKILL when the grace is over. `run` ends with it."""
        self._stopping.set()
        await _together(self._end(name, grace_seconds) for name in tuple(self._running))

    def retry(self) -> None:
        """Try again what could not be had from the manifests."""
        self._retry.set()

    @property
    def _status(self) -> Object:
        status: Object = self._pod["status"]
        return status

    def _spec(self, kind: str) -> list[Object]:
        """The containers after injection."""
        if self.sandbox is None:
            return []
        return self.sandbox.pod["spec"].get(kind) or []

    async def _place(self) -> bool:
        """Make the pod's place; False when it is to end before that succeeds."""
        while not self._stopping.is_set():
            self._retry.clear()
            try:
                self.sandbox = self._make_sandbox(self._pod)
                self.sandbox.make()
            except ClusterError as error:
                for status in (*self._init, *self._main):
                    status.waits("CreateContainerConfigError", str(error))
                self._publish("Pending")
                await _first(self._stopping.wait(), self._retry.wait())
            else:
                return True
        return False

    async def _initialize(self, policy: str) -> bool:
        """Run the init containers, one after the other; False when one fails for good."""
        for container, status in zip(self._spec("initContainers"), self._init, strict=True):
            if status.exit_code != 0:
                await self._supervise(
                    container, status, "Never" if policy == "Never" else "OnFailure"
                )
            if status.exit_code != 0:
                return False
        return not self._stopping.is_set()

    async def _supervise(self, container: Object, status: ContainerStatus, policy: str) -> None:
        """Run one container, again and again if that is the policy."""
        running, back_off = self._found(container), 0
        while not self._stopping.is_set():
            started = time.monotonic()
            running = running or await self._start(container, status)
            if running is None:
                return
            code = await self._follow(container, running, status)
            running = None
            status.ends(code, self._last_words(status.name) if code else "")
            self._publish(self._phase)
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                return
            if time.monotonic() - started > _GOOD_SECONDS:
                back_off = 0
            if back_off and not self._stopping.is_set():
                status.waits("CrashLoopBackOff", f"exited with {code}, back-off {back_off} s")
                self._publish(self._phase)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), back_off)
            back_off = min(2 * back_off or _FIRST_BACK_OFF_SECONDS, _LAST_BACK_OFF_SECONDS)
            status.restarts += not self._stopping.is_set()

    def _found(self, container: Object) -> Container | None:
        """The container that an earlier node started, unless its end is known."""
        if self.sandbox is None:
            return None
        return Container.find(self.sandbox.container_folder(container["name"]))

    async def _start(self, container: Object, status: ContainerStatus) -> Container | None:
        """Start a container as soon as that is possible; None when the pod is to end before."""
        while not self._stopping.is_set():
            self._retry.clear()
            try:
                # Anew, as a restart sees what is declared by then.
                self.sandbox = self._make_sandbox(self._pod)
                running = Container.start(self.sandbox.launch(container), self.sandbox.host.warm)
            except ClusterError as error:
                status.waits("CreateContainerConfigError", str(error))
                self._publish(self._phase)
                await _first(self._stopping.wait(), self._retry.wait())
            else:
                self._terminated.discard(status.name)
                status.runs()
                self._publish(self._phase)
                return running
        return None

    async def _follow(self, container: Object, running: Container, status: ContainerStatus) -> int:
        """Wait for a container's end, probing it meanwhile."""
        ended = asyncio.create_task(running.ended())
        self._running[status.name] = running, ended
        probing = asyncio.create_task(self._probe(container, status))
        try:
            return await ended
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)
            del self._running[status.name]

    async def _probe(self, container: Object, status: ContainerStatus) -> None:
        """Ask the container's probes; end the container when it is not alive."""
        probes = self._probes(container)
        starting = None if status.started else probes.get("startupProbe")
        if starting is not None and not await starting.until_first_success():
            await self._end_unhealthy(status, "startup")
            return
        status.started = True

        def tell(*, ready: bool) -> None:
            status.ready = ready
            self._publish(self._phase)

        async with asyncio.TaskGroup() as group:
            if "readinessProbe" in probes:
                group.create_task(probes["readinessProbe"].follow(tell))
            else:
                tell(ready=True)
            if "livenessProbe" in probes:
                await probes["livenessProbe"].survives()
                await self._end_unhealthy(status, "liveness")

    def _probes(self, container: Object) -> dict[str, Probe]:
        kinds = ("startupProbe", "readinessProbe", "livenessProbe")
        declared = {kind: container[kind] for kind in kinds if container.get(kind)}
        if not declared or self.sandbox is None:
            return {}
        target = Target(
            address=self._status["podIP"],
            ports={
                one["name"]: int(one["containerPort"])
                for one in container.get("ports") or []
                if "name" in one
            },
            inside=self.sandbox.inside(container),
        )
        return {kind: Probe(probe, target) for kind, probe in declared.items()}

    async def _end_unhealthy(self, status: ContainerStatus, probe: str) -> None:
        """End a container, which is then started again."""
        self._note(status.name, f"The {probe} probe failed: the container is ended.")
        grace = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        # Not to be cancelled by the end that it brings about.
        await asyncio.shield(asyncio.create_task(self._end(status.name, grace)))

    async def _end(self, name: str, grace_seconds: float) -> None:
        running, ended = self._running[name]
        deadline = time.monotonic() + grace_seconds
        if name not in self._terminated:
            self._terminated.add(name)
            await asyncio.wait({ended}, timeout=min(self._sleep_before_stop(name), grace_seconds))
            running.terminate()
        if not (await asyncio.wait({ended}, timeout=max(0, deadline - time.monotonic())))[0]:
            running.kill()
        if not (await asyncio.wait({ended}, timeout=_KILL_SECONDS))[0]:
            running.destroy()

    def _sleep_before_stop(self, name: str) -> float:
        """Seconds that a container still serves those who have not heard of its end."""
        for container in self._spec("containers"):
            if container["name"] == name:
                hook = (container.get("lifecycle") or {}).get("preStop") or {}
                return float((hook.get("sleep") or {}).get("seconds") or 0)
        return 0

    def _publish(self, phase: str) -> None:
        """Tell the store; a pod that is gone from there needs no status."""
        self._phase = phase
        status = pod_status(self._status, self._init, self._main, phase=phase)
        self._pod["status"] = status
        metadata = self._pod["metadata"]
        with contextlib.suppress(NotFoundError):
            self._store.set_status(metadata["namespace"], metadata["name"], status)

    def _log(self, name: str) -> Path | None:
        return None if self.sandbox is None else self.sandbox.container_folder(name) / "log"

    def _note(self, name: str, text: str) -> None:
        """Write into a container's log, where whoever looks for the reason looks first."""
        log = self._log(name)
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")

    def _last_words(self, name: str) -> str:
        """The last line of a container's log."""
        log = self._log(name)
        if log is None or not log.exists():
            return ""
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _MESSAGE_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


async def _together(coroutines: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """Run all to their ends; the first exception ends the others."""
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)


async def _first(*coroutines: Coroutine[Any, Any, Any]) -> None:
    """Wait for one of several to end, and give up the others."""
    tasks = [asyncio.create_task(one) for one in coroutines]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
