"""A warm interpreter of the image: it forks instead of starting anew, and imports once for all.

It is run as a file of its own by the image's Python, one per node, and has imported what a
container of the image would import first: third-party modules, nothing of Airflow, which reads its
configuration as it is imported. At each request it forks a shim (`local.cluster.shim`), and that
forks the container's main process, which goes on as the program it was to become. The launch, with
all that is secret in it, goes from the node to the shim; this process never sees one.

What a container may notice: `PYTHONHASHSEED`'s random value is that of the image's other
containers. Random numbers are not: Python's `random` draws a new seed in a forked process, OpenSSL
and `uuid` notice the fork or ask the kernel each time. Whatever else would make a difference is
left to an interpreter of its own: commands that are not this Python, `-c`, and variables that an
interpreter, or one of the modules imported here, reads as it starts.

It ends when the node does, and its forks live on.
"""

# ruff: noqa: E402  the first two lines make all other imports safe
import sys

del sys.path[0]  # This folder's modules would hide those of the standard library.

import atexit
import contextlib
import ctypes
import gc
import importlib.machinery
import importlib.util
import multiprocessing
import os
import runpy
import shutil
import signal
import site
import socket
import sysconfig
import types
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

# Those that take the longest; each brings others. None keeps a thread, a file or a connection.
MODULES = (
    "setproctitle", "jinja2.sandbox", "jinja2.nativetypes",
    "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.ext.asyncio", "aiosqlite", "psycopg",
    "alembic", "cadwyn", "fastapi.middleware.gzip", "fastapi.middleware.cors",
    "starlette.staticfiles", "uvicorn", "svcs", "aiohttp", "httpx", "httpcore", "h11",
    "s3transfer.manager", "requests", "urllib.request", "cryptography.fernet", "cryptography.x509",
    "jwt", "libcst", "gitdb", "jsonschema", "structlog", "rich.markdown", "rich_argparse",
    "pathlib_abc", "arrow", "attrs", "psutil", "pendulum", "pathspec", "cron_descriptor",
    "tenacity", "tabulate", "greenback", "argcomplete", "pygtrie", "pluggy", "opentelemetry.trace",
    "opentelemetry.metrics", "opentelemetry.sdk.trace.export", "opentelemetry.sdk.metrics.export",
    "importlib_metadata", "slugify", "msgspec.msgpack", "isoduration", "asgiref.sync", "uuid6",
    "methodtools", "lockfile.pidlockfile", "daemon", "itsdangerous", "cachetools", "yaml",
    "lazy_object_proxy", "packaging.requirements", "kubernetes.client",
)  # fmt: skip
# They depend on HOME, in nothing that a container has: models, caches and tokens of people who log
# in, below a home directory that is empty when a container starts.
_EXEMPT = ("boto3.session", "botocore.client", "sysconfig")
_INTERPRETER_VARIABLES = (
    "GLIBC_", "LANG", "LC_", "LD_", "MALLOC_", "OPENSSL_", "PYTHON", "TZ",
)  # fmt: skip
_NICE = 10
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4  # linux/prctl.h


class _Watched(type(os.environ)):  # type: ignore[misc]  # os has no public name for it
    """The environment while modules are imported: it knows what was read."""

    read: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> str:
        """Note what is asked for."""
        self.read.add(name)
        value: str = super().__getitem__(name)
        return value


def main() -> None:
    """Serve the node on the descriptor that the argument names; in a fork, be a container."""
    # However the node ends, also while this still imports. Forks do not inherit it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[1]))
    shim = _load("shim", Path(__file__).with_name("shim.py"))
    begun_with = dict(os.environ)
    imported: list[str] = []
    atexit.register(_spare, imported)  # As the first, so it is called as the last.
    own = set(sys.modules)
    read = _warm_up()
    imported += sys.modules.keys() - own
    if (problem := _obstacle(control)) is not None:
        sys.exit(f"No warm interpreter: {problem}.")
    _title(f"warm interpreter {sys.executable}")
    gc.collect()
    gc.freeze()
    with contextlib.suppress(BrokenPipeError):  # The node has ended meanwhile.
        control.send(b"ready")
    launch = _serve(control, shim)
    if launch is None:
        return
    found = _interpreter(launch["argv"], launch["env"])
    if found is not None and _same_start(begun_with, launch["env"], read):
        _title(" ".join(launch["argv"]))
        _become(launch, *found)
    else:
        shim.execute(launch)


def _load(name: str, file: Path) -> Any:  # noqa: ANN401  a module
    """Load a module that containers are not to find among theirs."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _warm_up() -> set[str]:
    """Import the modules; return the variables that this read."""
    root = os.geteuid() == 0
    if root:
        os.nice(_NICE)  # Whoever waits for something comes first; only root can take it back.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _import(_EXEMPT)
        sysconfig.get_config_vars()
        environment = type(os.environ)
        os.environ.__class__ = _Watched
        _import(MODULES)
        os.environ.__class__ = environment
    if root:
        os.nice(-_NICE)
    return _Watched.read


def _import(modules: Iterable[str]) -> None:
    """Import what the image has of these."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def _obstacle(control: socket.socket) -> str | None:
    """Tell why a fork of this process would not be as good as a new one; None if it is."""
    threads = len([*Path("/proc/self/task").iterdir()]) - 1
    if threads:
        return f"an imported module started {threads} threads"
    own = {"0", "1", "2", str(control.fileno())}
    # What does not exist any more is the folder, which was open to be listed.
    opened = [one.name for one in [*Path("/proc/self/fd").iterdir()] if one.is_symlink()]
    if extra := set(opened) - own:
        return f"an imported module keeps {len(extra)} files open"
    airflow = [name for name in sys.modules if name.partition(".")[0] == "airflow"]
    return f"an imported module brought {airflow[0]}" if airflow else None


def _serve(control: socket.socket, shim: Any) -> dict[str, Any] | None:  # noqa: ANN401  a module
    """Fork for each request; return a launch in a container's main process, None at the end."""
    # So that the kernel reaps the shims; the node follows them by itself.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        folder, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
        if not descriptors:
            return None
        pid = os.fork()
        if pid == 0:
            control.close()
            return _shim(shim, descriptors[0], os.fsdecode(folder))
        os.close(descriptors[0])
        with contextlib.suppress(BrokenPipeError):
            control.send(str(pid).encode())


def _shim(shim: Any, source: int, folder: str) -> dict[str, Any]:  # noqa: ANN401  a module
    """Be a container's shim until that has ended; return in its main process."""
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (1, 2):
            os.dup2(0, descriptor)
        _title(f"shim {folder}")
        launch: dict[str, Any] | None = shim.run(source)
    except BaseException:  # noqa: BLE001  nobody else is to go on in this process
        os._exit(1)
    if launch is None:
        os._exit(0)
    return launch


def _interpreter(argv: list[str], env: dict[str, str]) -> tuple[str, list[str]] | None:
    """Say which interpreter a command starts, and its whole command; None if not this one."""
    file = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    if file is None:
        return None
    if _is_this_python(file):
        module = len(argv) > 2 and argv[1] == "-m"
        script = len(argv) > 1 and not argv[1].startswith("-") and Path(argv[1]).is_file()
        return (file, argv) if module or script else None
    with Path(file).open("rb") as opened:
        first = os.fsdecode(opened.readline(256)).strip()
    # Arguments of the interpreter would be part of the name, and so make it another.
    interpreter = first.removeprefix("#!")
    if interpreter == first or not _is_this_python(interpreter):
        return None
    return interpreter, [interpreter, file, *argv[1:]]


def _is_this_python(file: str) -> bool:
    """Whether this is an interpreter of the same environment, which its folder decides."""
    found, own = Path(file), Path(sys.executable)
    return (found.resolve(), found.parent.resolve()) == (own.resolve(), own.parent.resolve())


def _same_start(begun_with: dict[str, str], env: dict[str, str], read: set[str]) -> bool:
    """Whether an interpreter with these variables would have started as this one did."""
    watched = {name for name in (*begun_with, *env) if name.startswith(_INTERPRETER_VARIABLES)}
    return all(begun_with.get(name) == env.get(name) for name in watched | read)


def _become(launch: dict[str, Any], interpreter: str, command: list[str]) -> None:
    """Run a script, or a module by `-m`, in this process as the interpreter itself would."""
    os.environ.clear()
    os.environ.update(launch["env"])
    if launch["user"] is not None:
        # A change of user took it away, and starting a program would give it back.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    site.USER_BASE = site.USER_SITE = None
    sysconfig.get_config_vars()["userbase"] = site.getuserbase()
    multiprocessing.current_process().authkey = os.urandom(32)
    sys.executable = interpreter
    sys.orig_argv, arguments = command, command[1:]
    main = types.ModuleType("__main__")
    main.__annotations__ = {}
    sys.modules["__main__"] = main
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, str(Path.cwd()))
        # The very function that the interpreter calls for `-m`.
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]  # noqa: SLF001
        return
    sys.argv = arguments
    sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
    file = str(Path(arguments[0]).absolute())
    loader = importlib.machinery.SourceFileLoader("__main__", file)
    main.__dict__.update(__file__=file, __cached__=None, __loader__=loader)
    exec(compile(loader.get_data(file), file, "exec"), main.__dict__)  # noqa: S102  the program


def _spare(modules: Iterable[str]) -> None:
    """Leave these modules as they are when the interpreter ends, which would clear each of them.

    It would take longer than many a program: they are memory that the fork shares until it writes.
    """
    for name in modules:
        module = sys.modules.pop(name, None)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(module))


def _title(text: str) -> None:
    """Show what this process is to those who look at the list of processes."""
    if "setproctitle" in sys.modules:
        sys.modules["setproctitle"].setproctitle(text)


if __name__ == "__main__":
    main()
