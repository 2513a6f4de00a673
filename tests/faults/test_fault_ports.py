"""Ports that somebody else listens on: said in one sentence, and nothing is begun."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest

from local.account.service import API_PORT, loopback_address, status
from tests.faults.commands import UP, account_process, begin, complaint, kill, settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.environment.checkout import Checkout

FREE_SECONDS = 10
"""Within which the threads of a process that was killed have closed what they had."""
PORTS = {"metadata": 5433, "application": 5434}


@contextlib.contextmanager
def listening(checkout: Checkout, port: int) -> Iterator[None]:
    """Somebody else listens there."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + FREE_SECONDS
        while True:
            try:
                taken.bind((loopback_address(checkout.folder), port))
                taken.listen()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield


def sentence(checkout: Checkout, name: str) -> str:
    """What is said of a port that is taken."""
    return (
        f"port {PORTS[name]} of {loopback_address(checkout.folder)}, which `{name}` is to have, "
        f"is taken by another program: end that, or write another `port` for `{name}` in "
        "Pulumi.local.yaml"
    )


def test_taken_ports_are_said_before_anything_is_begun(fresh: Checkout) -> None:
    before = fresh.files()
    for name, port in PORTS.items():
        with listening(fresh, port):
            run = fresh.run(*UP)

        assert (run.status, run.output) == (1, "")
        assert complaint(run) == sentence(fresh, name)
        assert fresh.files() == before


def test_ports_taken_while_the_environment_was_away(environment: Checkout) -> None:
    """The account's own is any free one, as what leads to it is a file."""
    kill(account_process(environment))
    for name, port in PORTS.items():
        with listening(environment, port):
            assert complaint(environment.run(*UP)) == sentence(environment, name)
    before, api = environment.paths.config.read_text("utf-8"), loopback_address(environment.folder)
    with listening(environment, API_PORT):
        settled(environment)
    assert status(environment.paths).url == f"http://{api}:{API_PORT + 1}"
    assert environment.paths.config.read_text("utf-8") != before


@pytest.mark.faults
def test_a_port_that_is_taken_in_the_last_moment(environment: Checkout) -> None:
    """The account finds it taken as it starts, after `up` has looked: the next `up` mends that."""
    kill(account_process(environment))
    port = PORTS["application"]
    command = begin(environment, *UP)
    command.wait_for("account  starting")
    with listening(environment, port):
        said = complaint(command.end())

    assert re.match(rf"Port {port} of \S+ cannot be listened on .+: choose", said), said
    settled(environment)
