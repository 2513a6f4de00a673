"""Where the cluster is on this machine: its folders and addresses.

It only tells; `local.cluster.__main__` decides.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.paths import Paths

API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
"""The API's names within the cluster."""
GIT_NAME = "git.landing-zone.svc.cluster.local"
"""The name within the cluster of the git server, which the landing zone brings."""


class ClusterError(Exception):
    """The cluster cannot do what was asked; one sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Folders and addresses of the cluster of one checkout.

    Attributes:
        folder: the cluster's own side, closed to other users.
        pods: the pods' folders, which their users can reach.
        image: what every container has as its image: a virtual environment.
        address: the loopback address that is this node's own.
        api: where the Kubernetes API answers, `address:port`.
        git: where the git server answers, `address:port`.
        aws_url: where the AWS APIs answer.
        region: the cluster's AWS region.
        ca: the certificate of the API's CA, PEM.
    """

    folder: Path
    pods: Path
    image: Path
    address: str
    api: str
    git: str
    aws_url: str
    region: str
    ca: Path


def cluster_folder(paths: Paths) -> Path:
    """The cluster's own folder, closed to other users."""
    return paths.local / "cluster"


def pods_folder(paths: Paths) -> Path:
    """Make the folder of the pods: where other users can reach it, with a short path.

    Raises:
        ClusterError: somebody else has been there first.
    """
    name = hashlib.sha256(f"{os.geteuid()}:{paths.root.resolve()}".encode()).hexdigest()[:8]
    folder = Path(f"/var/tmp/airflow-postgres-{name}-cluster")  # noqa: S108  owner is checked
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ClusterError(f"{folder} belongs to somebody else: remove it.")
    folder.chmod(0o711)
    return folder
