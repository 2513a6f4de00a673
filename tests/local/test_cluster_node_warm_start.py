"""A container that a warm interpreter starts is like any other, and no container depends on it.

The image is a real virtual environment, whose modules bear names that an interpreter warms up with.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.cluster.containers import Container, Launch
from local.cluster.warm_start import WarmInterpreter, image_environment
from tests.local.cluster_node_fixtures import Checkout, container, deployment, eventually
from tests.processes import lives

pytest_plugins = ["tests.local.cluster_node_fixtures"]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")

PYTHON = "/usr/bin/python3"
USER = 65_000 if os.geteuid() == 0 else None
COLD = WarmInterpreter(None, None)
READS_ENVIRONMENT = "import os\nFLAVOUR = os.environ.get('FLAVOUR')\n"
REPORT = """
import ctypes, json, multiprocessing, os, random, resource, signal, site, slugify, sys, sysconfig
import __main__
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "executable": sys.executable, "path": sys.path,
    "flags": list(sys.flags), "main": [repr(vars(__main__).get(one)) for one in (
        "__name__", "__file__", "__package__", "__cached__")], "main_names": sorted(vars(__main__)),
    "environ": dict(os.environ), "cwd": os.getcwd(), "ids": [os.getresuid(), os.getresgid()],
    "groups": os.getgroups(), "umask": os.umask(0), "leader": os.getsid(0) == os.getpid(),
    "signals": [repr(signal.getsignal(one)) for one in sorted(signal.valid_signals())],
    "masks": [status[one] for one in ("SigBlk", "SigIgn", "SigCgt", "CapEff", "CapPrm", "CapInh",
        "NoNewPrivs", "Seccomp")], "files": os.listdir("/proc/self/fd"), "nice": os.nice(0),
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), "limits": resource.getrlimit(7),
    "streams": [[one.encoding, one.errors, one.line_buffering, one.isatty()]
        for one in (sys.stdin, sys.stdout, sys.stderr)],
    "home": [site.getuserbase(), sysconfig.get_config_var("userbase")],
    "flavour": slugify.FLAVOUR,
}))
print("slugify" in WARM, random.random(), os.urandom(8).hex(),
    bytes(multiprocessing.current_process().authkey).hex())
"""


class Image:
    """A virtual environment, and a place for containers of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = folder / "image"
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", self.image], check=True)
        (self.modules,) = (self.image / "lib").glob("python*/site-packages")
        self.started: list[WarmInterpreter] = []
        self.write("slugify.py", READS_ENVIRONMENT)
        # Before anything else is imported: what was there already.
        report = f"import sys; WARM = set(sys.modules)\n{REPORT}"
        self.script = self.write("report.py", report)
        self.command = self.image / "bin" / "report"
        self.command.write_text(f"#!{self.image}/bin/python3\n{report}")
        self.command.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        """Put a module into the image."""
        file = self.modules / name
        file.write_text(text)
        return file

    def warm(self) -> WarmInterpreter:
        """Start a warm interpreter of it."""
        self.started.append(WarmInterpreter.start(self.image, self.folder))
        return self.started[-1]

    def start(
        self, warm: WarmInterpreter, *argv: str | Path, name: str = "one", **env: str
    ) -> Container:
        """Start a container."""
        launch = Launch(
            folder=str(self.folder / name),
            argv=[str(one) for one in argv],
            env={**image_environment(self.image), "HOME": "/var/empty", **env},
            cwd="/usr",
            user=USER,
        )
        return Container.start(launch, warm)

    def run(
        self, warm: WarmInterpreter, *argv: str | Path, name: str = "one", **env: str
    ) -> tuple[int, str]:
        """Run a container to its end; return its exit code and its log."""
        code = asyncio.run(self.start(warm, *argv, name=name, **env).ended())
        return code, self.log(name)

    def log(self, name: str = "one") -> str:
        """A container's log."""
        return (self.folder / name / "log").read_text()


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Below /var/tmp, which other users can enter.
    folder = Path(tempfile.mkdtemp(prefix="warm-", dir="/var/tmp"))
    folder.chmod(0o755)
    made = Image(folder)
    yield made
    for one in made.started:
        one.close()
    shutil.rmtree(folder)


@pytest.fixture
def warm(image: Image) -> WarmInterpreter:
    started = image.warm()
    eventually(lambda: started.pid)
    return started


@pytest.mark.parametrize("kind", ["script", "module", "command"])
def test_a_container_cannot_tell_how_it_was_started(
    image: Image, warm: WarmInterpreter, kind: str
) -> None:
    program = {
        "script": ("python", str(image.script)),
        "module": ("python3", "-m", "report"),
        "command": ("report",),
    }[kind]
    (cold_code, cold), (code, first), (_, second) = (
        image.run(one, *program, "a", "-b", SECRET="canary") for one in (COLD, warm, warm)
    )
    assert cold_code == 0, cold
    assert (code, json.loads(first.splitlines()[0])) == (0, json.loads(cold.splitlines()[0]))
    lines = (text.splitlines()[1].split() for text in (first, second, cold))
    was_warm, *random = zip(*lines, strict=True)
    assert was_warm == ("True", "True", "False")
    assert all(len(set(numbers)) == 3 for numbers in random)


@pytest.mark.parametrize(
    "argv",
    [
        ("sh", "-c", "echo $0 $HOME; exit 3"),
        ("python", "-c", "import sys; print('slugify' in sys.modules)"),
        ("python", "-u", "report.py"),
        ("python", "/nowhere.py"),
        ("nothing-of-that-name",),
    ],
)
def test_what_is_no_program_of_the_image_is_executed(
    image: Image, warm: WarmInterpreter, argv: tuple[str, ...]
) -> None:
    assert image.run(warm, *argv) == image.run(COLD, *argv)


@pytest.mark.parametrize("name", ["PYTHONSAFEPATH", "TZ", "LC_ALL", "FLAVOUR"])
def test_what_an_interpreter_or_an_import_reads_has_its_effect(
    image: Image, warm: WarmInterpreter, name: str
) -> None:
    cold, log = (image.run(one, "report", **{name: "C"})[1].splitlines() for one in (COLD, warm))
    assert json.loads(log[0]) == json.loads(cold[0])
    assert log[1].startswith("False")


ENDS = {
    "code": "import sys; sys.exit(7)",
    "text": "import sys; sys.exit('because')",
    "error": "raise ValueError('because')",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "terminated": "import os; os.kill(os.getpid(), 15)",
    "interrupted": "import os; os.kill(os.getpid(), 2)",
    "broken pipe": "import os; r, w = os.pipe(); os.close(r); os.write(w, b'x')",
    "at exit": "import atexit, threading, time\natexit.register(print, 'bye')\n"
    "class Last:\n    def __del__(self): print('last')\nlast = Last()\n"
    "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_container_ends_as_any_other(image: Image, warm: WarmInterpreter, end: str) -> None:
    script = image.write("ending.py", ENDS[end])
    cold_code, cold = image.run(COLD, "python", script)
    code, log = image.run(warm, "python", script)
    assert code == cold_code
    # Of a traceback the program's own part, without the way there.
    assert log.splitlines()[-1:] == cold.splitlines()[-1:]
    if end == "at exit":
        assert log == cold == "thread\nbye\nlast\n"


ESCAPES = """
import os, time
for of_its_own in (lambda: os.setpgid(0, 0), os.setsid):
    if os.fork() == 0:
        of_its_own()
        if os.fork() == 0:
            os.environ.clear()
        print(os.getpid(), flush=True)
        time.sleep(600)
print(os.getpid(), flush=True)
time.sleep(600)
"""


def test_the_end_of_a_container_is_that_of_everything_it_started(
    image: Image, warm: WarmInterpreter
) -> None:
    started = image.start(warm, "python", image.write("escaping.py", ESCAPES))
    eventually(lambda: len(image.log().split()) == 5)
    pids = [int(line) for line in image.log().split()]
    started.kill()
    assert asyncio.run(started.ended()) == 137
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_a_secret_is_in_nothing_that_others_see(image: Image, warm: WarmInterpreter) -> None:
    script = image.write("waiting.py", "import time; print('up', flush=True); time.sleep(600)")
    started = image.start(warm, "python", script, SECRET="canary")
    eventually(image.log)
    main = psutil.Process(int((image.folder / "one" / "pid").read_text()))
    for process in (main, *main.parents()[:2]):
        texts = [*process.cmdline(), *(process.environ().values())]
        assert not [text for text in texts if "canary" in text]
    started.kill()
    asyncio.run(started.ended())


def test_containers_outlive_the_interpreter_and_others_do_without(
    image: Image, warm: WarmInterpreter
) -> None:
    go = image.folder / "go"
    waits = f"import os, time\nwhile not os.path.exists('{go}'): time.sleep(0.1)"
    script = image.write("lasting.py", f"{waits}\nraise SystemExit(5)")
    before = image.start(warm, "python", script, name="before")
    os.kill(warm.pid or 0, signal.SIGKILL)
    code, log = image.run(warm, "report", name="after")
    assert code == 0
    assert log.splitlines()[1].startswith("False")
    assert warm.pid is None
    go.touch()
    assert asyncio.run(before.ended()) == 5


@pytest.mark.parametrize(
    "trouble",
    [
        "import threading as t, time; t.Thread(target=time.sleep, args=[9], daemon=True).start()",
        "file = open('/dev/zero')",
        "import airflow",
        "raise RuntimeError",
    ],
)
def test_an_interpreter_that_is_not_fit_to_be_forked_is_not_used(
    image: Image, trouble: str
) -> None:
    image.write("airflow.py", "")
    troubled = image.write("tabulate.py", trouble)
    started = image.warm()
    process = psutil.Process(started._process.pid)  # type: ignore[union-attr]
    eventually(lambda: not lives(process))
    troubled.unlink()
    assert started.pid is None
    assert image.run(started, "python", "-c", "print(1)") == (0, "1\n")


def test_the_interpreter_ends_with_the_node(checkout: Checkout) -> None:
    script = "import time; print('up', flush=True); time.sleep(600)"
    server = container("", command=["python3", "-c", script], args=[])
    checkout.declare(deployment("server", server))
    status = checkout.start()
    checkout.ready()
    node = psutil.Process(status.pid)
    warm = next(one for one in node.children() if "zygote.py" in " ".join(one.cmdline()))
    node.kill()
    eventually(lambda: not lives(warm))
    assert [one for one in checkout.processes() if one.cmdline()[-1] == script]
