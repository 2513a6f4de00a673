"""Deployments that somebody has had rolled over, as `kubectl rollout restart` does.

That writes the moment into an annotation of the pod template, which makes it another template. The
manifests are the program's, so it is kept beside them, and outlives the node.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

from local.account.files import write_private
from local.cluster.manifests import Manifests
from local.cluster.place import ClusterError

if TYPE_CHECKING:
    from local.cluster.manifests import Object

ANNOTATION = "kubectl.kubernetes.io/restartedAt"


class Restarts:
    """When each Deployment was last restarted by somebody.

    Args:
        file: where that is remembered.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, manifests: Manifests, namespace: str, name: str) -> None:
        """Remember that a Deployment is restarted now.

        Raises:
            ClusterError: there is none of this name.
        """
        if manifests.find("Deployment", namespace, name) is None:
            raise ClusterError(f"There is no Deployment {namespace}/{name}: run `make up` first.")
        moment = dt.datetime.now(dt.UTC).isoformat()
        content = {**self._known(), f"{namespace}/{name}": moment}
        write_private(self._file, json.dumps(content).encode())

    def applied(self, manifests: Manifests) -> Manifests:
        """The manifests with the annotation where somebody has restarted."""
        known = self._known()
        return manifests.replaced(
            "Deployment",
            lambda entry: _annotated(
                entry, known.get(f"{entry['metadata']['namespace']}/{entry['metadata']['name']}")
            ),
        )

    def _known(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        content: dict[str, str] = json.loads(self._file.read_bytes())
        return content


def _annotated(deployment: Object, moment: str | None) -> Object:
    if moment is None:
        return deployment
    changed = copy.deepcopy(deployment)
    metadata = changed["spec"]["template"].setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: moment}
    return changed
