"""The cluster's process; `local.cluster.service` starts it."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from local.account.files import write_private
from local.account.oidc import Issuer
from local.account.tls import CertificateAuthority
from local.cluster import api, users
from local.cluster.addresses import Addresses
from local.cluster.admission import Admission
from local.cluster.control import REPOSITORY, Control
from local.cluster.node import Node
from local.cluster.place import ClusterError, Place, cluster_folder
from local.cluster.rbac import Authorizer
from local.cluster.sandbox import Host
from local.cluster.services import Services
from local.cluster.store import Store
from local.cluster.tokens import Authenticator, admin_token
from local.cluster.warm_start import WarmInterpreter
from local.paths import Paths

API_PORT = 6443
GIT_PORT = 8089
_PORTS_TRIED = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the process is started with.

    Attributes:
        root: whose `.local` folder is used.
        manifests: the folder with the manifests.
        image: the image's folder.
        pods: where the pods' folders are; it exists.
        address: the node's loopback address.
    """

    root: Path
    manifests: Path
    image: Path
    pods: Path
    address: str


def main() -> None:
    """Serve the cluster until SIGTERM or SIGINT; its pods end with it."""
    parser = argparse.ArgumentParser(prog="python -m local.cluster", description=__doc__)
    for name in ("root", "manifests", "image", "pods"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--address", required=True)
    options = Options(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(serve(options))
    except ClusterError as error:
        sys.exit(str(error))


async def serve(options: Options) -> None:
    """Start everything, wait for the signal, end everything.

    Raises:
        ClusterError: it cannot start.
    """
    paths = Paths(options.root)
    folder = cluster_folder(paths)
    authority = CertificateAuthority.open(folder / "authority")
    issuer = Issuer(paths.account, "")
    place = _place(options, paths, issuer, authority)
    obstacle = users.obstacle(options.image, options.pods)
    store = Store(folder)
    addresses = Addresses(options.address, folder / "services.json")
    services = Services(addresses, store)
    warm = WarmInterpreter.start(options.image, options.pods)
    host = Host(
        place=place,
        users=users.Users(options.pods, separate=obstacle is None),
        issuer=issuer,
        warm=warm,
    )
    node = Node(options.manifests, host, store, services, addresses)
    token = admin_token(folder / "admin-token")
    admission = Admission(node.objects)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    if options.manifests.exists():  # Else nothing is deployed yet, and `apply` follows.
        await node.apply()
    served = api.application(
        store=store,
        authenticator=Authenticator(issuer, node.objects, token),
        authorizer=Authorizer(node.objects),
        admission=admission,
        log_file=node.log_file,
    )
    runners = [
        await _serve_api(served, place, authority),
        await _serve_control(Control(node, services, token, obstacle), place),
    ]
    try:
        await node.start(admission)
        content = {"api": place.api, "git": place.git}
        write_private(folder / "address", json.dumps(content).encode())
        await ended.wait()
    finally:
        await node.close()
        warm.close()
        for runner in runners:
            await runner.cleanup()


def _place(
    options: Options, paths: Paths, issuer: Issuer, authority: CertificateAuthority
) -> Place:
    """Choose ports, the same as last time where they are free: running pods know them."""
    ports_file = cluster_folder(paths) / "ports.json"
    known: dict[str, Any] = json.loads(ports_file.read_bytes()) if ports_file.exists() else {}
    ports = {
        name: _free_port(options.address, known.get(name, first))
        for name, first in (("api", API_PORT), ("git", GIT_PORT))
    }
    write_private(ports_file, json.dumps(ports).encode())
    return Place(
        folder=cluster_folder(paths),
        pods=options.pods,
        image=options.image,
        address=options.address,
        api=f"{options.address}:{ports['api']}",
        git=f"{options.address}:{ports['git']}",
        aws_url=f"http://{paths.address.read_text('utf-8').strip()}",
        # EKS names it in the issuer: https://oidc.eks.<region>.amazonaws.com/id/...
        region=issuer.host_path.split(".")[2],
        ca=authority.certificate_file,
    )


def _free_port(address: str, first: int) -> int:
    """The first free port from `first` on."""
    for port in range(first, first + _PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise ClusterError(f"No free port from {first} on at {address}: end what uses them.")


async def _serve_api(
    served: web.Application, place: Place, authority: CertificateAuthority
) -> web.AppRunner:
    address, _, port = place.api.partition(":")
    folder = place.folder / "api"
    folder.mkdir(mode=0o700, exist_ok=True)
    return await api.serve(
        served, address=address, port=int(port), authority=authority, folder=folder
    )


async def _serve_control(control: Control, place: Place) -> web.AppRunner:
    repository = place.folder / REPOSITORY
    repository.mkdir(exist_ok=True)
    runner = web.AppRunner(control.application(repository), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    address, _, port = place.git.partition(":")
    await web.TCPSite(runner, address, int(port)).start()
    return runner


if __name__ == "__main__":
    main()
