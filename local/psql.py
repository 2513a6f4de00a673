"""`make psql`: a SQL prompt as any login, with a token of that login's own.

pgcli comes with the project's packages. The token is handed over in a private file that goes with
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
    token = access.token(login, instance)
    place = f"{instance.host}:{instance.port}"
    with _password_file(f"{place}:*:{login.user}", token) as file:
        options = urlencode(
            {"sslmode": "verify-full", "sslrootcert": str(paths.ca_bundle), "passfile": str(file)}
        )
        user, name = quote(login.user), instance.default_database
        uri = f"postgresql://{user}@{place}/{name}?{options}"
        print(f"{instance.identifier} as {login.user}, by {login.how}", flush=True)
        # Whoever is refused is told so; there is no password that could be asked for.
        pgcli = [str(Path(sys.executable).with_name("pgcli")), "--less-chatty", "--no-password"]
        return subprocess.run([*pgcli, uri], check=False).returncode


@contextlib.contextmanager
def _password_file(prefix: str, token: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pgpass"
        path.touch(mode=0o600)
        escaped = token.replace("\\", "\\\\").replace(":", "\\:")
        path.write_text(f"{prefix}:{escaped}\n", encoding="ascii")
        yield path
