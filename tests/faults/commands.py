"""Commands that are cut off while they run, and what has to hold afterwards; it tests nothing."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.account.service import _runtime_folder
from tests.environment.checkout import LONGEST_SECONDS, Checkout, Run
from tests.environment.traces import Traces
from tests.processes import lives

UP = ("up", "--databases-only")
_POLL_SECONDS = 0.02


@dataclass
class Command:
    """A command of a checkout that runs, in a session of its own as in a terminal of its own."""

    checkout: Checkout
    arguments: tuple[str, ...]
    process: psutil.Popen
    output: Path

    def printed(self) -> str:
        """What it has printed up to now, errors included."""
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while text not in self.printed():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(_POLL_SECONDS)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, as Ctrl-C does."""
        self.process.send_signal(number)

    def end(self) -> Run:
        """Wait for its end; what it printed is all in `output`."""
        status = self.process.wait(LONGEST_SECONDS)
        return Run(arguments=self.arguments, status=status, output=self.printed(), errors="")


def begin(checkout: Checkout, *arguments: str) -> Command:
    """Run `python -m local` in the copy, without waiting for it."""
    output = checkout.base / f"output-{time.monotonic_ns()}"
    with output.open("wb") as file:
        process = psutil.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=checkout.folder,
            env=checkout.environment(),
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=_hears_interruptions,
        )
    return Command(checkout, arguments, process, output)


def _hears_interruptions() -> None:
    """As in a terminal, also where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def killed_at(
    checkout: Checkout, seconds: float, *arguments: str, with_everything: bool = False
) -> Command:
    """Run a command and kill it with -9 after so long.

    Args:
        checkout: whose.
        seconds: since it was begun; the command may have ended by then.
        arguments: the command.
        with_everything: whether its account, servers and pods are killed too, all at once.
    """
    command = begin(checkout, *arguments)
    with contextlib.suppress(psutil.TimeoutExpired):
        command.process.wait(seconds)
    kill(*(checkout.processes(command.process) if with_everything else [command.process]))
    return command


def kill(*processes: psutil.Process) -> None:
    """End processes without a word, all of them before any can react, and see them gone."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    deadline = time.monotonic() + 10
    while any(map(lives, processes)):
        assert time.monotonic() < deadline, processes
        time.sleep(_POLL_SECONDS)


def account_process(checkout: Checkout) -> psutil.Process:
    """The account's process."""
    recorded = json.loads((checkout.paths.account / "pid").read_text("utf-8"))
    return psutil.Process(recorded["pid"])


def postmaster(checkout: Checkout, identifier: str) -> psutil.Process:
    """The server process of an instance, as its data directory names it."""
    for home in (checkout.runtime_folder(), checkout.paths.account / "instances"):
        pid_file = home / identifier / "data" / "postmaster.pid"
        if pid_file.exists():
            return psutil.Process(int(pid_file.read_text("utf-8").split("\n", 1)[0]))
    raise LookupError(identifier)


def mine(checkout: Checkout) -> list[psutil.Process]:
    """Every process that names the copy, or one of its folders, in its command line."""
    names = [str(checkout.base)]
    with contextlib.suppress(OSError):
        names.append(str(checkout.runtime_folder()))
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if process.pid != psutil.Process().pid and any(name in line for name in names):
                found.append(process)
    return found


def converge(checkout: Checkout, *arguments: str) -> None:
    """Run `up` twice: the first ends well and its proof holds, the second changes nothing."""
    arguments = arguments or UP
    first = checkout.run(*arguments)
    assert first.status == 0, first.text[-5000:]
    again = checkout.run(*arguments)
    assert again.status == 0, again.text[-5000:]
    assert unchanged(again) > 100
    journal = checkout.paths.state.with_name("state.json.journal")
    resources = json.loads(checkout.paths.state.read_text("utf-8"))["resources"]
    assert not journal.exists()
    assert [one["urn"] for one in resources if one["creating"]] == []


def settled(checkout: Checkout) -> None:
    """Run `up` once: it ends well, its proof holds, and there was nothing to change."""
    run = checkout.run(*UP)
    assert run.status == 0, run.text[-5000:]
    assert unchanged(run) > 100


def unchanged(run: Run) -> int:
    """How many resources a run left as they were, which has to be all of them."""
    (said,) = re.findall(r"^program +(\d+ .*)$", run.text, re.MULTILINE)
    match = re.fullmatch(r"(\d+) unchanged", said)
    assert match, said
    return int(match[1])


def taken_down(checkout: Checkout, before: set[str], *traces: Traces) -> None:
    """Run `down`; nothing of the environment may be left."""
    run = checkout.run("down")
    assert run.status == 0, run.text
    assert [one.left() for one in traces] == [[] for _ in traces]
    assert not _runtime_folder(checkout.folder).exists()
    assert [one.cmdline() for one in mine(checkout)] == []
    assert checkout.files() == before
    assert list(checkout.scratch.iterdir()) == []


def complaint(run: Run) -> str:
    """The one sentence that a run ended with; it may have told its progress before."""
    assert run.status not in {0, None}, run.text
    assert "Traceback" not in run.text, run.text
    lines = [line for line in run.text.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, run.text
    return lines[0].removeprefix("error: ")


@contextlib.contextmanager
def put_back(path: Path) -> Iterator[Path]:
    """Let the block damage a file, which is as it was afterwards."""
    kept = path.with_name(path.name + ".kept-by-the-test")
    if path.exists():
        shutil.copy2(path, kept)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(path)
