"""Airflow as its quick start has it: four processes, LocalExecutor, passwords in the environment.

The alternative that `bench.start_to_success` compares with. It uses the same installation, database
server and DAGs, and nothing of this project's configuration.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

COMPONENTS = (
    ("api-server",),
    ("scheduler", "--skip-serve-logs"),
    ("dag-processor",),
    ("triggerer", "--skip-serve-logs"),
)
_END_SECONDS = 40


@dataclass(frozen=True, kw_only=True)
class BareAirflow:
    """One installation below `home`.

    Attributes:
        home: its AIRFLOW_HOME, empty.
        image: the virtual environment that Airflow is installed in.
        dags: the folder of its DAGs.
        metadata: SQLAlchemy's URL of its database.
        connections: Airflow connections as URIs, by their ids.
        address: the loopback address it listens at.
        port: the API server's port.
        jwt_secret: signs the tokens of tasks; all components share it.
    """

    home: Path
    image: Path
    dags: Path
    metadata: str
    connections: dict[str, str]
    address: str
    port: int
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(64))

    @property
    def url(self) -> str:
        """Where its API answers."""
        return f"http://{self.address}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Every setting it needs, and nothing of the shell but where programs are."""
        return {
            "PATH": f"{self.image}/bin:{os.environ['PATH']}",
            "HOME": str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.metadata,
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            # With the default of 32 it would start as many processes, of which none is needed.
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__API__HOST": self.address,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": self.jwt_secret,
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            **{f"AIRFLOW_CONN_{name.upper()}": uri for name, uri in self.connections.items()},
        }

    def migrate(self) -> None:
        """Create the tables of its metadata."""
        self._process("db", "migrate").wait()

    def password(self) -> str | None:
        """The password of the user `admin`; None until the API server has made one."""
        file = self.home / "simple_auth_manager_passwords.json.generated"
        if not file.exists():
            return None
        passwords = json.loads(file.read_text(encoding="utf-8") or "{}")
        return str(passwords["admin"]) if passwords else None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have all four components run."""
        processes = [self._process(*arguments) for arguments in COMPONENTS]
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            for process in processes:
                try:
                    process.wait(_END_SECONDS)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def _process(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [self.image / "bin" / "airflow", *arguments],
                env=self.environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
