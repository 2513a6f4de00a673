"""A pod's place on this machine: its folders, and what its containers are started with.

It starts nothing. A pod is checked here before anything of it touches the disk, as whoever may
create pods chooses all that is in it.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from local.account.files import write_private
from local.cluster.containers import Launch
from local.cluster.environment import container_environment, expand
from local.cluster.execution import Inside
from local.cluster.injection import containers, inject, service_account
from local.cluster.place import API_NAMES, GIT_NAME, ClusterError, Place
from local.cluster.translation import Translation, service_names
from local.cluster.volumes import Volumes
from local.cluster.warm_start import image_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.account.oidc import Issuer
    from local.cluster.manifests import Manifests, Object
    from local.cluster.users import Users
    from local.cluster.warm_start import WarmInterpreter

POD = "pod-"
"""How the names of pods' folders begin."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_TEMPORARY = "/tmp"  # noqa: S108  the path within the container
# KubernetesExecutor hands a task, its token included, over as an argument.
_WORKLOAD, _WORKLOAD_FILE = "--json-string", "--json-path"


@dataclass(frozen=True, kw_only=True)
class Host:
    """What all pods of this node share.

    Attributes:
        place: folders and addresses.
        users: which user a service account is.
        issuer: signs tokens.
        warm: starts containers.
    """

    place: Place
    users: Users
    issuer: Issuer
    warm: WarmInterpreter


class Sandbox:
    """The place of one pod.

    Args:
        pod: the pod; its status has its address.
        manifests: what is declared now.
        services: Service as `namespace/name` -> its address.
        host: what all pods share.

    Raises:
        ClusterError: the pod cannot run here.
    """

    def __init__(
        self, pod: Object, manifests: Manifests, services: Mapping[str, str], host: Host
    ) -> None:
        _check(pod)
        self.pod = inject(pod, manifests, host.place.region)
        self.folder = folder_of(pod, host.place)
        self._namespace = pod["metadata"]["namespace"]
        self._manifests = manifests
        self._services = services
        self.host = host
        self.user = host.users.id_of(self._namespace, service_account(pod))
        self._volumes = Volumes(
            self.pod, self.folder / "volumes", self.user, manifests, host.issuer, host.place
        )

    def make(self) -> None:
        """Make the folders and the volumes, unless an earlier node has.

        Raises:
            ClusterError: a volume cannot be had.
        """
        made = self.folder / "made"
        if made.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder, mode in (
            (self.folder, 0o750),
            (self.folder / "volumes", 0o750),
            (self.folder / "containers", 0o700),
            (self.home, 0o700),
        ):
            folder.mkdir(parents=True)
            folder.chmod(mode)
            if self.user is not None:
                owner = self.user if folder == self.home else -1
                os.chown(folder, owner, -1 if mode == 0o700 and owner == -1 else self.user)
        self._volumes.make()
        made.touch(mode=0o600)

    def renew_tokens(self) -> None:
        """Replace tokens that end soon."""
        self._volumes.renew_tokens()

    @property
    def home(self) -> Path:
        """The home directory of the containers' user."""
        return self.folder / "home"

    def container_folder(self, name: str) -> Path:
        """Where the node keeps what it knows of a container, and its log."""
        return self.folder / "containers" / name

    def translation(self, container: Object) -> Translation:
        """What the texts of a container mean here."""
        names, short = {GIT_NAME: self.host.place.git}, {}
        for key, address in self._services.items():
            namespace, _, name = key.partition("/")
            names |= dict.fromkeys(service_names(name, namespace), address)
            if namespace == self._namespace:
                short[name] = address
        return Translation(
            paths=self._volumes.paths(container),
            names=names | dict.fromkeys(API_NAMES[1:], self.host.place.api.partition(":")[0]),
            short_names=short,
            own=self.pod["status"]["podIP"],
        )

    def launch(self, container: Object) -> Launch:
        """Say how a container is started.

        Raises:
            ClusterError: it mounts or refers to something that does not exist.
        """
        translation = self.translation(container)
        env = container_environment(
            self.pod,
            container,
            self._base_environment(translation),
            self._manifests,
            translation.text,
        )
        given = [*(container.get("command") or []), *(container.get("args") or [])]
        if not given:
            raise ClusterError(
                f"container {container['name']!r} has neither command nor args, and there is no "
                "image to take them from"
            )
        workload, given = _without_workload(given)
        argv = [expand(translation.text(text), env) for text in given]
        if workload is not None:
            argv[argv.index(_WORKLOAD_FILE) + 1] = str(self._write_workload(container, workload))
        directory = container.get("workingDir")
        return Launch(
            folder=str(self.container_folder(container["name"])),
            argv=argv,
            env=env,
            cwd=translation.text(directory) if directory else str(self.home),
            user=self.user,
        )

    def inside(self, container: Object) -> Inside:
        """What a command finds in a container.

        Raises:
            ClusterError: as for `launch`.
        """
        launch = self.launch(container)
        return Inside(
            env=launch.env,
            cwd=launch.cwd,
            user=launch.user,
            translate=self.translation(container).text,
        )

    def _base_environment(self, translation: Translation) -> dict[str, str]:
        """What every container has: from its image, from the kubelet, and the way to AWS."""
        place = self.host.place
        host, _, port = place.api.partition(":")
        return {
            **image_environment(place.image),
            "HOME": str(self.home),
            # The image's user, which has no entry in this machine's passwd.
            "LOGNAME": "airflow",
            "HOSTNAME": self.pod["metadata"]["name"],
            "TMPDIR": translation.paths.get(_TEMPORARY, str(self.home)),
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "AWS_ENDPOINT_URL": place.aws_url,
        }

    def _write_workload(self, container: Object, workload: str) -> Path:
        """Keep a task's token out of the command line, which every user of the machine can read."""
        file = self.folder / f"workload-{container['name']}.json"
        write_private(file, workload.encode())
        if self.user is not None:
            os.chown(file, self.user, self.user)
        return file


def folder_of(pod: Object, place: Place) -> Path:
    """The folder of a pod: not that of an earlier pod with the same name."""
    # Short: Python's own sockets lie 45 characters below, and their paths have at most 107.
    return place.pods / f"{POD}{pod['metadata']['uid'][:8]}"


def _without_workload(argv: list[str]) -> tuple[str | None, list[str]]:
    """Take the workload out of the arguments; a place for its file's name is left."""
    if _WORKLOAD not in argv[:-1]:
        return None, argv
    position = argv.index(_WORKLOAD)
    return argv[position + 1], [*argv[:position], _WORKLOAD_FILE, "", *argv[position + 2 :]]


def _check(pod: Object) -> None:
    """Refuse names and paths that would lead out of the pod's folder."""
    spec = pod["spec"]
    named = [*containers(pod), *(spec.get("volumes") or [])]
    for name in (pod["metadata"]["namespace"], *(str(one.get("name")) for one in named)):
        if not _NAME.fullmatch(name):
            raise ClusterError(f"{name!r} is no name: it takes lower-case letters, digits and '-'")
    for path in _paths(pod):
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise ClusterError(f"path {path!r} has to be relative and must not contain '..'")
    for container in containers(pod):
        for mount in container.get("volumeMounts") or []:
            path = str(mount["mountPath"])
            if not path.startswith("/") or ".." in PurePosixPath(path).parts or path == "/":
                raise ClusterError(f"mountPath {path!r} has to be absolute, without '..'")


def _paths(pod: Object) -> Iterator[str]:
    """Every path below a volume that the pod names."""
    for container in containers(pod):
        for mount in container.get("volumeMounts") or []:
            yield str(mount.get("subPath") or "")
    for volume in pod["spec"].get("volumes") or []:
        sources = [volume, *((volume.get("projected") or {}).get("sources") or [])]
        for source in sources:
            for key in ("configMap", "secret", "downwardAPI"):
                for item in (source.get(key) or {}).get("items") or []:
                    yield str(item["path"])
            if "serviceAccountToken" in source:
                yield str(source["serviceAccountToken"]["path"])
