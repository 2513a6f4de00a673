"""Whether the settings of Airflow make sense: what runs, from where, and whom it may reach."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stacks.sentences import key, shown

if TYPE_CHECKING:
    from stacks.settings import Settings

OLDEST_AIRFLOW = (3, 3)
"""The first that lets its metadata engines be made with IAM tokens."""
PROXY_PORT = 5432
"""RDS Proxy's, as in `components.connection_proxy`, which settings can do without loading."""
LAST_PORT = 65535
DEVELOPMENT_AUTH_MANAGER = "SimpleAuthManager"
"""Its users are in its configuration, and their passwords are made up at its first start."""

_TAG_VERSION = re.compile(r"(?:slim-)?([0-9]+)\.([0-9]+)(?![0-9])")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_VERSION_TAG = re.compile(r"v?[0-9]+(\.[0-9]+)+([-+._][0-9A-Za-z]+)*")


def problems(settings: Settings) -> Iterator[str]:
    """One sentence for each problem of Airflow and its networks."""
    yield from _image(settings)
    yield from _auth_manager(settings)
    yield from _dags(settings)
    yield from _workers(settings)
    yield from _networks(settings)
    yield from _ports(settings)


def tag_and_digest(image: str) -> tuple[str, str]:
    """The tag and the digest of an image; empty where it has none."""
    name, _, digest = image.partition("@")
    return name.rpartition("/")[2].partition(":")[2], digest


def git_port(repository: str) -> int:
    """The TCP port of an http or https URL."""
    url = urlsplit(repository)
    port = url.netloc.partition(":")[2]
    return int(port) if port else {"https": 443, "http": 80}[url.scheme]


def _image(settings: Settings) -> Iterator[str]:
    tag, _ = tag_and_digest(settings.airflow.image)
    version = _TAG_VERSION.match(tag)  # tags of one's own images may be anything
    if version and (int(version[1]), int(version[2])) < OLDEST_AIRFLOW:
        oldest = ".".join(map(str, OLDEST_AIRFLOW))
        yield (
            f"{key('airflow', 'image')} is {shown(settings.airflow.image)}, by its tag Airflow "
            f"{version[0].removeprefix('slim-')}; it must be {oldest} or later, as before that "
            "Airflow cannot log in to its own database with IAM tokens; choose a later image."
        )


def _auth_manager(settings: Settings) -> Iterator[str]:
    given = settings.airflow.auth_manager
    if settings.metadata.protected and given.rpartition(".")[2] == DEVELOPMENT_AUTH_MANAGER:
        yield (
            f"{key('airflow', 'authManager')} is {shown(given)}, which is for development; where "
            f"{key('metadata', 'protected')} is true it must be one that knows your people; "
            "choose airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager or another."
        )


def _dags(settings: Settings) -> Iterator[str]:
    if settings.kubernetes == "local-node":
        return
    dags = settings.airflow.dags
    if not dags.repository.startswith("https://"):
        yield (
            f"{key('airflow', 'dags', 'repository')} is {shown(dags.repository)}; it must start "
            f"with https:// where {key('kubernetes')} is cluster, as whoever changes a DAG on its "
            "way runs it as the workflow; use https."
        )
    if not _COMMIT.fullmatch(dags.ref) and not _VERSION_TAG.fullmatch(dags.ref):
        yield (
            f"{key('airflow', 'dags', 'ref')} is {shown(dags.ref)}; it must be a commit of 40 "
            "hexadecimal digits or a tag that is a version, such as v1.2.0, where "
            f"{key('kubernetes')} is cluster, as a branch would change what runs without a "
            "preview; name a commit or a tag."
        )


def _workers(settings: Settings) -> Iterator[str]:
    airflow = settings.airflow
    for name, component in (
        ("scheduler", airflow.scheduler),
        ("dagProcessor", airflow.dag_processor),
        ("triggerer", airflow.triggerer),
    ):
        if component.workers != 1:
            yield (
                f"{key('airflow', name, 'workers')} is {component.workers}; it must be 1, as only "
                "the API server has several processes with a pool each; raise replicas instead."
            )


def _networks(settings: Settings) -> Iterator[str]:
    networks = settings.networks
    for name, cidrs in (
        ("awsApis", networks.aws_apis),
        ("git", networks.git),
        ("kubernetesApi", networks.kubernetes_api),
        ("web", networks.web),
    ):
        for index, cidr in enumerate(cidrs):
            where = f"{key('networks', name, index)} is {shown(cidr)}"
            try:
                network = ipaddress.ip_network(cidr, strict=False)
            except ValueError:
                yield f"{where}; it must be an IPv4 range such as 10.0.0.0/16; correct it."
                continue
            if str(network) != cidr:
                yield (
                    f"{where}; it must start with the first address of the range, which is "
                    f"{network.network_address}; write {network}."
                )


def _ports(settings: Settings) -> Iterator[str]:
    """Network policies tell what pods may reach by its port: the metadata's has to be its own."""
    repository = settings.airflow.dags.repository
    if git_port(repository) > LAST_PORT:
        yield (
            f"{key('airflow', 'dags', 'repository')} is {shown(repository)}; its port must be from "
            f"1 to {LAST_PORT}; correct it."
        )
    others = {git_port(repository): key("airflow", "dags", "repository")}
    if settings.connection_proxy:
        others[PROXY_PORT] = f"RDS Proxy, as {key('connectionProxy')} is true"
    other = others.get(settings.metadata.port)
    if other:
        yield (
            f"{key('metadata', 'port')} is {settings.metadata.port}, as is the port of {other}; "
            "tasks may reach that one and never the metadata, so the two must differ; change it."
        )
