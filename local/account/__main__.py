"""The account's process; `local.account.service` starts it with the environment moto needs."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import threading
from pathlib import Path

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from local.account import extensions
from local.account.account import Account, Place
from local.account.app import Application
from local.paths import Paths

_PORTS_TRIED = 100
_BACKLOG = 128
# How soon the end is noticed.
_POLL_SECONDS = 0.1


class QuietHandler(MotoRequestHandler):
    """Keeps calls out of the log: paths and queries may name what is secret."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve the account until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.account", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="whose .local folder is used")
    parser.add_argument("--account", required=True, help="the account's id, 12 digits")
    parser.add_argument("--region", required=True, help="its region")
    parser.add_argument("--address", required=True, help="the loopback address to listen at")
    parser.add_argument("--port", type=int, required=True, help="the first port to try")
    parser.add_argument("--runtime-folder", type=Path, required=True, help="a short, own folder")
    given = parser.parse_args()
    # moto reads it once, when it is imported.
    if os.environ.get("MOTO_ACCOUNT_ID") != given.account:
        raise SystemExit("The account is started by local.account.service, not by hand.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    listening = _listen(given.address, given.port)
    place = Place(
        paths=Paths(given.root),
        runtime_folder=given.runtime_folder,
        address=given.address,
        port=listening.getsockname()[1],
    )
    extensions.install()
    account = Account(given.account, given.region, place)
    try:
        account.instances.resume()
        account.rotations.start()
        serve(account, place, listening, ended)
    finally:
        account.close()


def serve(account: Account, place: Place, listening: socket.socket, ended: threading.Event) -> None:
    """Answer calls until `ended` is set."""
    server = make_server(
        place.address,
        place.port,
        Application(account),
        threaded=True,
        request_handler=QuietHandler,
        fd=listening.fileno(),
    )
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="api")
    thread.start()
    place.paths.address.write_text(f"{place.address}:{place.port}\n", encoding="utf-8")
    ended.wait()
    server.shutdown()
    thread.join()


def _listen(address: str, port: int) -> socket.socket:
    """Listen at the first free port from `port` on."""
    for candidate in range(port, port + _PORTS_TRIED):
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, candidate))
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            continue
        return listening
    raise SystemExit(f"No free port from {port} on at {address}: end what uses them.")


if __name__ == "__main__":
    main()
