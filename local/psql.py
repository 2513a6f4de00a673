"""`make psql`: a SQL prompt as any login, with a token or the password of that login's own.

pgcli comes with the project's packages. Either is handed over in a private file that goes with
the prompt, so that it is in no argument and no environment.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from local.login import Access
from local.paths import Paths


def prompt(access: Access, paths: Paths, database: str, name: str) -> int:
    """Open a prompt on an instance (`application`, `metadata`) as a login; return its status.

    Raises:
        LoginError: there is no such instance or login.
    """
    login, instance = access.login(name), access.instance(database)
    user, password = access.credential(login, instance)
    place = f"{instance.host}:{instance.port}"
    with _password_file(f"{place}:*:{user}", password) as file:
        options = urlencode(
            {"sslmode": "verify-full", "sslrootcert": str(paths.ca_bundle), "passfile": str(file)}
        )
        uri = f"postgresql://{quote(user)}@{place}/{instance.default_database}?{options}"
        print(f"{instance.identifier} as {user}, by {login.how}", flush=True)
        # Whoever is refused is told so; there is no password that could be asked for.
        pgcli = [str(Path(sys.executable).with_name("pgcli")), "--less-chatty", "--no-password"]
        return subprocess.run([*pgcli, uri], check=False).returncode


@contextlib.contextmanager
def _password_file(prefix: str, password: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pgpass"
        path.touch(mode=0o600)
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        path.write_text(f"{prefix}:{escaped}\n", encoding="ascii")
        yield path
