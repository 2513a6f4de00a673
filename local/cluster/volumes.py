"""A pod's volumes: folders below the pod's own, with what the manifests and the issuer put there.

ConfigMaps, secrets and tokens belong to the node and can be read by the pod; what is empty at first
belongs to the pod. A memory volume lies on disk. What a running pod mounts does not follow a
changed ConfigMap: the annotations with checksums replace the pod.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from local.account import oidc
from local.cluster.environment import field_value
from local.cluster.injection import API_TOKEN_SECONDS, ROOT_CA, containers, service_account
from local.cluster.manifests import data_of
from local.cluster.place import ClusterError, Place
from local.cluster.tokens import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.account.oidc import Issuer
    from local.cluster.manifests import Manifests, Object

_YEAR_SECONDS = 365 * 86_400
# The kubelet renews a token after 80 % of its life, and at least once a day.
_RENEW_AFTER = 0.8
_DAY_SECONDS = 86_400


class Volumes:
    """Makes the volumes of one pod.

    Args:
        pod: the pod, after injection.
        folder: the pod's own; every volume is a folder in it.
        user: who owns what the pod may write; None for the node's own user.
        manifests: where ConfigMaps and secrets are.
        issuer: signs the tokens.
        place: where the API answers, for the kubeconfig.
    """

    def __init__(
        self,
        pod: Object,
        folder: Path,
        user: int | None,
        manifests: Manifests,
        issuer: Issuer,
        place: Place,
    ) -> None:
        self._pod = pod
        self._folder = folder
        self._user = user
        self._manifests = manifests
        self._issuer = issuer
        self._place = place
        self._namespace = pod["metadata"]["namespace"]

    def make(self) -> None:
        """Make all volumes, and the places in them where others are mounted.

        Raises:
            ClusterError: one of them cannot be had.
        """
        for volume in self._pod["spec"].get("volumes") or []:
            folder = self._folder / volume["name"]
            folder.mkdir(mode=0o755, exist_ok=True)
            if "emptyDir" in volume:
                folder.chmod(0o700)
                if self._user is not None:
                    os.chown(folder, self._user, self._user)
                continue
            for name, content in self._files(volume).items():
                self._write(folder / name, content)
        for container in containers(self._pod):
            self._nest(container)

    def paths(self, container: Object) -> dict[str, str]:
        """Where the container's mount paths are here.

        Raises:
            ClusterError: it mounts a volume that the pod does not have.
        """
        names = {volume["name"] for volume in self._pod["spec"].get("volumes") or []}
        found = {}
        for mount in container.get("volumeMounts") or []:
            if mount["name"] not in names:
                raise ClusterError(
                    f"container {container['name']!r} mounts volume {mount['name']!r}, which the "
                    "pod does not have"
                )
            target = self._folder / mount["name"] / mount.get("subPath", "")
            found[mount["mountPath"].rstrip("/")] = str(target)
        return found

    def renew_tokens(self) -> None:
        """Replace the tokens that have lived for most of their time."""
        for volume in self._pod["spec"].get("volumes") or []:
            for source in (volume.get("projected") or {}).get("sources") or []:
                token = source.get("serviceAccountToken")
                if token is None:
                    continue
                file = self._folder / volume["name"] / token["path"]
                lifetime = min(_lifetime(token), _DAY_SECONDS)
                if file.exists() and time.time() - file.stat().st_mtime > _RENEW_AFTER * lifetime:
                    self._write(file, self._token(token))

    def _nest(self, container: Object) -> None:
        """Link each mount that lies within another one to where it really is."""
        mounted = self.paths(container)
        for path, target in mounted.items():
            outer = max((other for other in mounted if path.startswith(f"{other}/")), default=None)
            if outer is None:
                continue
            link = Path(mounted[outer], path.removeprefix(f"{outer}/"))
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(target)
            elif str(link.readlink()) != target:
                raise ClusterError(
                    f"containers of the pod mount different volumes at {path}, which this node "
                    "cannot do: mount the same one"
                )

    def _files(self, volume: Object) -> Mapping[str, str | bytes]:
        if "configMap" in volume:
            source = volume["configMap"]
            return dict(self._entries("ConfigMap", source, source.get("name")))
        if "secret" in volume:
            source = volume["secret"]
            return dict(self._entries("Secret", source, source.get("secretName")))
        if "projected" in volume:
            return {
                name: content
                for source in volume["projected"].get("sources") or []
                for name, content in self._projected(source)
            }
        kinds = ", ".join(sorted(volume.keys() - {"name"})) or "nothing"
        raise ClusterError(
            f"volume {volume['name']!r} is of kind {kinds}: this node has configMap, emptyDir, "
            "projected and secret"
        )

    def _projected(self, source: Object) -> Iterator[tuple[str, str | bytes]]:
        if "serviceAccountToken" in source:
            yield source["serviceAccountToken"]["path"], self._token(source["serviceAccountToken"])
        for item in (source.get("downwardAPI") or {}).get("items") or []:
            yield item["path"], field_value(self._pod, item["fieldRef"]["fieldPath"])
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if key in source:
                yield from self._entries(kind, source[key], source[key].get("name"))

    def _entries(
        self, kind: str, source: Object, name: str | None
    ) -> Iterator[tuple[str, str | bytes]]:
        if (kind, name) == ("ConfigMap", ROOT_CA):
            yield "ca.crt", self._place.ca.read_bytes()
            yield "kubeconfig", self._kubeconfig()
            return
        entry = self._manifests.find(kind, self._namespace, name or "")
        if entry is None:
            if source.get("optional"):
                return
            raise ClusterError(f'{kind.lower()} "{name}" not found')
        content = data_of(entry)
        items = source.get("items") or [{"key": key, "path": key} for key in content]
        for item in items:
            if item["key"] not in content:
                raise ClusterError(
                    f"{kind.lower()} {name!r} references non-existent key {item['key']!r}"
                )
            yield item["path"], content[item["key"]]

    def _token(self, source: Object) -> str:
        return self._issuer.mint(
            self._namespace,
            service_account(self._pod),
            source.get("audience") or AUDIENCE,
            _lifetime(source),
        )

    def _kubeconfig(self) -> str:
        """A kubeconfig for clients that look nowhere else; its files lie beside it."""
        name = "in-cluster"
        cluster = {"server": f"https://{self._place.api}", "certificate-authority": "ca.crt"}
        context = {"cluster": name, "user": name, "namespace": self._namespace}
        # JSON is YAML, too.
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "clusters": [{"name": name, "cluster": cluster}],
                "users": [{"name": name, "user": {"tokenFile": "token"}}],
                "contexts": [{"name": name, "context": context}],
            },
            indent=1,
        )

    def _write(self, file: Path, content: str | bytes) -> None:
        """Replace a file that the pod, and of all others only the node, can read."""
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(partial, flags, 0o440), "wb") as opened:
            if self._user is not None:
                os.fchown(opened.fileno(), -1, self._user)
            opened.write(content.encode() if isinstance(content, str) else content)
        partial.replace(file)


def _lifetime(token: Object) -> int:
    """Seconds that a token lives."""
    seconds = int(token.get("expirationSeconds") or 3600)
    if seconds == API_TOKEN_SECONDS:
        return _YEAR_SECONDS
    return min(seconds, oidc.LIFETIME_SECONDS)
