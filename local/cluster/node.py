"""The node: runs every pod of the store, and keeps the store as the manifests want it.

It puts the parts together. What it was told last, and the pods, outlive it: another one takes up
where it left off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.cluster.controllers import Controllers, owner_of
from local.cluster.execution import Executed, execute
from local.cluster.manifests import Manifests
from local.cluster.place import ClusterError
from local.cluster.pod_run import PodRun
from local.cluster.restarts import Restarts
from local.cluster.sandbox import POD, Host, Sandbox, folder_of
from local.cluster.status import Component, is_ready
from local.cluster.store import DEFAULT_GRACE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from local.cluster.addresses import Addresses
    from local.cluster.admission import Admission
    from local.cluster.manifests import Object
    from local.cluster.services import Services
    from local.cluster.store import Event, Store

log = logging.getLogger(__name__)

_ENDED = ("Succeeded", "Failed")
# How often tokens are looked at; they live for hours.
_RENEW_SECONDS = 60
# As on a node that shuts down: pods get less time than they ask for.
_SHUTDOWN_GRACE_SECONDS = 5
# Logs of pods that are gone, the newest ones.
_KEPT_LOGS = 100


class Node:
    """Runs pods.

    Attributes:
        manifests: what is declared now.

    Args:
        manifests_folder: where the manifests are; read by `apply`.
        host: what all pods share.
        store: the pods.
        services: listens for Services.
        addresses: gives pods their addresses.
    """

    def __init__(
        self,
        manifests_folder: Path,
        host: Host,
        store: Store,
        services: Services,
        addresses: Addresses,
    ) -> None:
        self.manifests = Manifests({})
        self._folder = manifests_folder
        self._host = host
        self._store = store
        self._services = services
        self._addresses = addresses
        self._controllers: Controllers | None = None
        self._runs: dict[str, tuple[PodRun, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()
        self._subscription = store.subscribe()
        self._restarts = Restarts(host.place.folder / "restarts.json")

    def objects(self, kind: str, namespace: str) -> list[Object]:
        """The declared objects of a kind in a namespace, for those who decide by them."""
        return self.manifests.within(kind, namespace)

    async def start(self, admission: Admission) -> None:
        """Take up what there is, and begin to follow the store; `apply` comes before."""
        self._controllers = Controllers(
            self._store, admission, one_address=not self._addresses.many
        )
        known = {folder_of(pod, self._host.place) for pod in self._store.list()}
        for folder in self._host.place.pods.glob(f"{POD}*"):
            if folder not in known:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        for pod in self._store.list():
            if pod["status"].get("phase") not in _ENDED:
                self._take_up(pod)
        self._spawn(self._follow())
        self._spawn(self._control(self._controllers))
        self._spawn(self._renew_tokens())

    async def apply(self) -> None:
        """Read the manifests again and go where they lead.

        Raises:
            ClusterError: they cannot be used; those of before stay in force.
        """
        manifests = self._restarts.applied(Manifests.read(self._folder))
        await self._services.apply(manifests)
        self.manifests = manifests
        if self._controllers is not None:
            self._controllers.retry_jobs(manifests)
        for pod in self._store.list():
            if pod["metadata"]["namespace"] not in manifests.namespaces():
                self._store.request_deletion(pod["metadata"]["namespace"], pod["metadata"]["name"])
        for run, _ in self._runs.values():
            run.retry()
        self._changed.set()

    async def restart(self, namespace: str, name: str) -> None:
        """Replace the pods of a Deployment, by the rules of its rollouts.

        Raises:
            ClusterError: there is none of this name.
        """
        self._restarts.add(self.manifests, namespace, name)
        await self.apply()

    async def execute(self, namespace: str, name: str, command: list[str]) -> Executed:
        """Run a command in a ready pod of a Deployment.

        Raises:
            ClusterError: it has none.
            OSError: the command cannot be started.
        """
        for pod in self._store.list(namespace):
            run, _ = self._runs.get(pod["metadata"]["uid"], (None, None))
            owned = owner_of(pod) == ("Deployment", namespace, name)
            if owned and is_ready(pod) and run is not None and run.sandbox is not None:
                container = run.sandbox.pod["spec"]["containers"][0]
                return await execute(command, run.sandbox.inside(container))
        raise ClusterError(f"No pod of Deployment {namespace}/{name} is ready: wait for one.")

    def components(self) -> list[Component]:
        """How everything declared is."""
        return self._controllers.components(self.manifests) if self._controllers else []

    def log_file(self, pod: Mapping[str, Any], container: str) -> Path:
        """Where a container's log is."""
        return folder_of(dict(pod), self._host.place) / "containers" / container / "log"

    async def close(self) -> None:
        """End every pod. Those of nobody's have failed then; the others are created anew later."""
        self._services.close()
        self._subscription.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(run, task) for run, task in self._runs.values()))
        for pod in self._store.list():
            owner = owner_of(pod)
            finished_job = owner and owner[0] == "Job" and pod["status"]["phase"] == "Succeeded"
            if owner and not finished_job:
                self._store.remove(pod["metadata"]["namespace"], pod["metadata"]["name"])
                await self._clean_up(pod)

    async def _end(self, run: PodRun, task: asyncio.Task[None]) -> None:
        await run.stop(_SHUTDOWN_GRACE_SECONDS)
        await asyncio.gather(task, return_exceptions=True)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something beside; what it raises is logged."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                log.error("A part of the node failed", exc_info=error)

        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _follow(self) -> None:
        """Do what each event in the store asks for."""
        async for event in self._subscription:
            self._on(event)

    def _on(self, event: Event) -> None:
        pod = event.pod
        uid = pod["metadata"]["uid"]
        if event.kind == "ADDED" and uid not in self._runs:
            self._take_up(pod)
        if event.kind == "DELETED":
            self._spawn(self._clean_up(pod))
        elif "deletionTimestamp" in pod["metadata"] and uid in self._runs:
            before = ((event.old or {}).get("metadata") or {}).get("deletionGracePeriodSeconds")
            grace = pod["metadata"].get("deletionGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
            if grace != before:
                self._spawn(self._runs[uid][0].stop(grace))
        if owner_of(pod) is not None:
            self._changed.set()

    def _take_up(self, pod: Object) -> None:
        """Begin, or go on, to run a pod."""
        metadata = pod["metadata"]
        try:
            if "podIP" not in pod["status"]:
                taken = {one["status"].get("podIP", "") for one in self._store.list()}
                address = self._addresses.of_pod(taken)
                pod["status"] |= {"podIP": address, "hostIP": self._host.place.address}
                pod["status"]["podIPs"] = [{"ip": address}]
                # At once: the next pod must not get the same one.
                self._store.set_status(metadata["namespace"], metadata["name"], pod["status"])
            run = PodRun(pod, self._sandbox, self._store)
        except (ClusterError, KeyError, TypeError, AttributeError) as error:
            log.exception("%s/%s cannot run", metadata["namespace"], metadata["name"])
            status = {**pod["status"], "phase": "Failed", "reason": "UnexpectedAdmissionError"}
            self._store.set_status(
                metadata["namespace"], metadata["name"], {**status, "message": str(error)}
            )
            return
        task = asyncio.create_task(self._run(pod, run))
        self._runs[metadata["uid"]] = run, task
        if "deletionTimestamp" in metadata:
            self._spawn(run.stop(metadata["deletionGracePeriodSeconds"]))

    async def _run(self, pod: Object, run: PodRun) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        log.info("%s/%s runs", namespace, name)
        try:
            await run.run()
        except Exception:
            log.exception("%s/%s cannot be followed", namespace, name)
        finally:
            del self._runs[pod["metadata"]["uid"]]
        log.info("%s/%s has ended", namespace, name)
        known = self._store.get(namespace, name)
        if known and "deletionTimestamp" in known["metadata"]:
            self._store.remove(namespace, name)

    def _sandbox(self, pod: Object) -> Sandbox:
        try:
            return Sandbox(pod, self.manifests, self._addresses.services, self._host)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ClusterError(f"the pod is malformed: {error!r}") from error

    async def _clean_up(self, pod: Object) -> None:
        """Remove what is left of a pod, except for its logs."""
        folder = folder_of(pod, self._host.place)
        await asyncio.to_thread(self._keep_logs, pod, folder)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _keep_logs(self, pod: Object, folder: Path) -> None:
        """Keep a deleted pod's logs for a while: the reason why it failed is in them."""
        kept = self._host.place.folder / "logs"
        kept.mkdir(mode=0o700, exist_ok=True)
        for file in folder.glob("containers/*/log"):
            name = (
                f"{pod['metadata']['namespace']}_{pod['metadata']['name']}_{file.parent.name}.log"
            )
            with contextlib.suppress(OSError):
                if file.stat().st_size:
                    shutil.move(file, kept / name)
        files = sorted(kept.glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[_KEPT_LOGS:]:
            file.unlink(missing_ok=True)

    async def _control(self, controllers: Controllers) -> None:
        """Let the controllers work whenever something changed."""
        wait: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
            self._changed.clear()
            wait = controllers.reconcile(self.manifests)

    async def _renew_tokens(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            for run, _ in self._runs.values():
                if run.sandbox is not None:
                    run.sandbox.renew_tokens()
