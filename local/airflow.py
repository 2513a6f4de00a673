"""Airflow on this machine: where its web interface is, and who logs in to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from components import naming
from components.airflow.names import API_SERVER, object_name
from local.airflow_api import AirflowApi, AirflowError
from local.cluster import service
from local.paths import Paths

USER = "admin"
_PASSWORD = re.compile(rf"Password for user '{USER}': (\S+)")
_SECONDS = 10
_NOT_UP = "no Airflow of {} runs: run `make up` first"


@dataclass(frozen=True, kw_only=True)
class Web:
    """The web interface of one environment's Airflow."""

    environment: str
    address: str
    user: str = USER

    def api(self, paths: Paths) -> AirflowApi:
        """Log in to the REST API.

        Raises:
            AirflowError: it lets nobody in, or its password is not to be found.
        """
        return AirflowApi(self.address, self.user, password(paths, self.environment))


def web(paths: Paths, environment: str) -> Web:
    """Return where the web interface of `environment` is.

    Raises:
        AirflowError: Airflow does not run.
    """
    wanted = f"{naming.namespace(environment)}/{object_name(API_SERVER)}"
    address = dict(service.status(paths).services).get(wanted)
    if address is None:
        raise AirflowError(_NOT_UP.format(environment))
    return Web(environment=environment, address=address)


def password(paths: Paths, environment: str) -> str:
    """Return the password that Airflow's simple auth manager made for its user.

    It is in the log of the API server's pod, as it would be for whoever may read logs there.

    Raises:
        AirflowError: Airflow does not run, or the log does not have it.
    """
    if service.status(paths).pid is None:
        raise AirflowError(_NOT_UP.format(environment))
    with _kubernetes(paths) as session:
        address = _pods_address(paths, environment)
        # The newest first: a pod that a rollout replaces had a password of its own.
        for pod in sorted(_pods(session, address, API_SERVER), key=_created, reverse=True):
            log = f"{address}/{pod['metadata']['name']}/log"
            # A container that was started again keeps the password, and does not tell it again.
            for previous in ("false", "true"):
                said = session.get(log, params={"previous": previous}, timeout=_SECONDS).text
                if made := _PASSWORD.findall(said):
                    return str(made[-1])
    raise AirflowError(
        f"the log of the API server in {naming.namespace(environment)} has no password of {USER}: "
        "it has not started yet, or people log in by another auth manager (airflow.authManager)"
    )


def oldest_pod(paths: Paths, environment: str, component: str) -> datetime | None:
    """When the oldest pod of a component was created, to the second; None if there is none."""
    with _kubernetes(paths) as session:
        pods = _pods(session, _pods_address(paths, environment), component)
    return min((datetime.fromisoformat(_created(pod)) for pod in pods), default=None)


def _pods_address(paths: Paths, environment: str) -> str:
    server: str = service.kubeconfig(paths)["clusters"][0]["cluster"]["server"]
    return f"{server}/api/v1/namespaces/{naming.namespace(environment)}/pods"


def _pods(session: requests.Session, address: str, component: str) -> list[dict[str, Any]]:
    selector = {"labelSelector": f"component={component}"}
    found: dict[str, Any] = session.get(address, params=selector, timeout=_SECONDS).json()
    items: list[dict[str, Any]] = found["items"]
    return items


def _created(pod: dict[str, Any]) -> str:
    moment: str = pod["metadata"]["creationTimestamp"]
    return moment


def _kubernetes(paths: Paths) -> requests.Session:
    """Return a session with the local Kubernetes API, as its administrator."""
    config: dict[str, Any] = service.kubeconfig(paths)
    session = requests.Session()
    session.trust_env = False
    session.verify = config["clusters"][0]["cluster"]["certificate-authority"]
    token = Path(config["users"][0]["user"]["tokenFile"]).read_text("utf-8").strip()
    session.headers["Authorization"] = f"Bearer {token}"
    return session
