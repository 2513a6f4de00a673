"""One real PostgreSQL server of an instance: its files, its configuration, its roles.

It listens on a unix socket only, and lets in whoever the endpoint says it is: the kernel proves
that the other side of the socket is the endpoint's user. It does no backups and no upgrades.
"""

from __future__ import annotations

import os
import pwd
import re
from typing import TYPE_CHECKING

import psycopg
import psycopg.conninfo
from psycopg import pq

from local.account.postgres import roles
from local.account.postgres.instance import InstanceError
from local.account.postgres.layout import SOCKET_PORT, publish
from local.account.postgres.parameters import Configuration, render
from local.account.postgres.process import Postmaster

if TYPE_CHECKING:
    from pathlib import Path

    from local.account.postgres.binaries import Binaries
    from local.account.postgres.instance import InstanceSpec
    from local.account.postgres.layout import Layout
    from local.account.postgres.process import RunAs

# The superuser's sessions keep out of the log and out of the limits that are set for clients.
_SESSION_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "log_statement=none",
        "log_min_duration_statement=-1",
        "log_min_error_statement=panic",
        "statement_timeout=0",
        "idle_session_timeout=0",
    )
)
_IDENT_MAP = "endpoint"


class Server:
    """The server of one instance; not thread-safe.

    Args:
        spec: the instance.
        binaries: the programs of its major version, where the server's user can reach them.
        layout: where its files lie.
        run_as: the user it runs as.
    """

    def __init__(
        self, spec: InstanceSpec, *, binaries: Binaries, layout: Layout, run_as: RunAs
    ) -> None:
        self.spec = spec
        self._binaries = binaries
        self.layout = layout
        self._run_as = run_as
        self._postmaster = Postmaster(
            self._command(layout.configuration),
            data=layout.data,
            log=layout.log,
            run_as=run_as,
            is_ready=self._is_ready,
        )

    def create(self, master_password: str) -> None:
        """Make the instance and start it; one that was left half-made is made anew.

        Raises:
            InstanceError: it exists, or cannot be made.
        """
        if self.layout.complete.exists():
            raise InstanceError(
                f"The instance {self.spec.identifier} exists already in {self.layout.home}: "
                "delete it first."
            )
        self.remove()
        try:
            self._make_folders()
            self._initdb()
            self.configure(self.spec)
            self._postmaster.start()
            self._create_roles(master_password)
        except BaseException:
            self.remove()
            raise
        self.layout.complete.touch()

    def start(self) -> None:
        """Start it on the data that is there; nothing happens when it runs already.

        Raises:
            InstanceError: there is no such instance, or it does not come up.
        """
        if not self.layout.complete.exists():
            raise InstanceError(
                f"The instance {self.spec.identifier} is not in {self.layout.home}: create it."
            )
        self._make_folders()
        self.configure(self.spec)
        self._postmaster.start()

    def stop(self) -> None:
        """Stop it; sessions end with 57P01."""
        self._postmaster.stop()

    def restart(self) -> None:
        """Stop and start it: static parameters take effect."""
        self._postmaster.stop()
        self._postmaster.start()

    def remove(self) -> None:
        """Stop it and remove all of its files."""
        self._postmaster.stop(immediately=True)
        self.layout.remove()

    def configure(self, spec: InstanceSpec) -> None:
        """Write the configuration of `spec`; `reload` lets a running server read it.

        Raises:
            InstanceError: PostgreSQL does not take a value; the configuration stays as it was.
        """
        settings = Configuration.of(self._binaries, spec.parameters).settings
        own = {
            "cluster_name": spec.identifier,
            # In the data directory, and so removed with it: elsewhere a killed server's would stay.
            "dynamic_shared_memory_type": "mmap",
            "hba_file": str(self.layout.home / "pg_hba.conf"),
            "ident_file": str(self.layout.home / "pg_ident.conf"),
            "listen_addresses": "",
            "port": SOCKET_PORT,
            "unix_socket_directories": str(self.layout.sockets),
        }
        candidate = self.layout.configuration.with_suffix(".new")
        publish(candidate, render({**settings, **own}))
        # Asked for any one setting, the program checks all of them.
        check = self._run_as.run([*self._command(candidate), "-C", "cluster_name"])
        if check.returncode:
            complaints = re.findall(r"LOG:\s+(.+)", check.stderr) or [check.stderr.strip()]
            raise InstanceError(
                f"PostgreSQL {spec.major} does not take the parameter group of "
                f"{spec.identifier}: {'; '.join(complaints)}."
            )
        candidate.replace(self.layout.configuration)
        self.spec = spec

    def reload(self) -> None:
        """Let the server read its configuration; sessions that begin from now on have it."""
        with self.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")

    def pending_restart(self) -> tuple[str, ...]:
        """The names of static parameters that were changed since the start."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT name FROM pg_settings WHERE pending_restart ORDER BY name"
            ).fetchall()
        return tuple(str(name) for (name,) in rows)

    def set_master_password(self, password: str) -> None:
        """Change the master user's password."""
        with self.connect() as connection:
            roles.set_password(connection, self.spec.master_username, password)

    def conninfo(self, database: str = roles.SERVICE_DATABASE) -> str:
        """How the superuser connects; independent of libpq's environment variables."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.layout.sockets),
            port=SOCKET_PORT,
            user=roles.SUPERUSER,
            dbname=database,
            options=_SESSION_OPTIONS,
            channel_binding="disable",
            require_auth="",
            client_encoding="utf8",
            connect_timeout=5,
        )

    def connect(self, database: str = roles.SERVICE_DATABASE) -> psycopg.Connection:
        """Connect as the superuser, in autocommit.

        Raises:
            InstanceError: the server does not answer.
        """
        try:
            return psycopg.connect(self.conninfo(database), autocommit=True)
        except psycopg.OperationalError as cause:
            raise InstanceError(
                f"The PostgreSQL server of {self.spec.identifier} does not answer: {cause}"
            ) from cause

    def _command(self, configuration: Path) -> list[str | Path]:
        data = str(self.layout.data)
        return [self._binaries.postgres, "-D", data, "-c", f"config_file={configuration}"]

    def _is_ready(self) -> bool:
        return pq.PGconn.ping(self.conninfo().encode()) == pq.Ping.OK

    def _make_folders(self) -> None:
        self.layout.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._run_as.is_another:
            self.layout.home.chmod(0o711)  # it has to pass, not to see
        self._run_as.make_folder(self.layout.data)
        self._run_as.make_folder(self.layout.sockets)
        endpoint = pwd.getpwuid(os.geteuid()).pw_name
        for name, text in {
            "pg_hba.conf": f"local all all peer map={_IDENT_MAP}\n",
            "pg_ident.conf": f'{_IDENT_MAP} "{endpoint}" all\n',
        }.items():
            publish(self.layout.home / name, text)

    def _create_roles(self, master_password: str) -> None:
        try:
            with self.connect("postgres") as connection:
                verifier = roles.verifier_of(connection, self.spec.master_username, master_password)
                roles.create_roles(connection, self.spec, verifier)
            with self.connect() as connection:
                roles.protect_service_roles(connection)
        except psycopg.Error as cause:
            raise InstanceError(
                f"PostgreSQL does not take the master user or the database of "
                f"{self.spec.identifier}: {cause.diag.message_primary}."
            ) from cause

    def _initdb(self) -> None:
        result = self._run_as.run(
            [
                self._binaries.initdb,
                f"--pgdata={self.layout.data}",
                f"--username={roles.SUPERUSER}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
                "--auth=peer",
                # Only a power cut in the first seconds could tell; the server itself does fsync.
                "--no-sync",
            ]
        )
        if result.returncode:
            said = result.stderr.strip().splitlines() or [f"it ended with {result.returncode}"]
            # What it does afterwards, such as cleaning up, comes last.
            why = [line for line in said if re.search(r"\b(error|FATAL|PANIC):", line)] or said[-1:]
            raise InstanceError(f"initdb cannot make {self.layout.data}: {why[0]}")
