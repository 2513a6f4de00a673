"""Looks for secrets in everything that an environment shows or keeps; it tests nothing.

What is looked through is not kept: only where something was found, and how much was looked at.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import psutil
import psycopg
from psycopg import sql

TOKENS = re.compile(rb"X-Amz-(Signature|Security-Token)(=|%3D)\w|(?<![\w+/-])gAAAAAB[\w-]{80}")
"""An IAM token, and the session token of temporary credentials, as text or in a token."""
WEB_TOKENS = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}")
"""A JWT: of a task, of a service account, or of a user of the web interface."""

ARGUMENTS, VARIABLES = "arguments", "variables"
FILE, LOG, TABLE, OBJECT, OUTPUT = "file", "log", "table", "object", "output"
"""The kinds of places."""
TABLES = """
    SELECT schemaname, tablename FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


def secret(value: str) -> re.Pattern[bytes]:
    """What a secret looks like: as it is, in a URL, in JSON, and as Kubernetes writes secrets."""
    coded = base64.b64encode(value.encode()).rstrip(b"=")
    forms = {value, quote(value, safe=""), json.dumps(value)[1:-1]}
    return re.compile(b"|".join(map(re.escape, [*map(str.encode, forms), coded])))


class Search:
    """Looks for several things at once.

    Args:
        wanted: what to look for, by name.
    """

    def __init__(self, wanted: Mapping[str, re.Pattern[bytes]]) -> None:
        self._wanted = wanted
        self._files: dict[Path, tuple[int, int]] = {}
        self._found: dict[str, set[tuple[str, str]]] = {name: set() for name in wanted}
        self.looked: Counter[str] = Counter()
        """How many places of each kind were looked at."""

    def found(self, name: str, *kinds: str) -> set[tuple[str, str]]:
        """Where it is: kind of place and place; of all kinds, or of these."""
        return {one for one in self._found[name] if not kinds or one[0] in kinds}

    def look(self, kind: str, place: str, content: bytes) -> None:
        """Look at one place."""
        self.looked[kind] += 1
        for name, pattern in self._wanted.items():
            if pattern.search(content):
                self._found[name].add((kind, place))

    def processes(self, running: Iterable[psutil.Process]) -> None:
        """Look at what processes show of themselves to others."""
        for process in running:
            with contextlib.suppress(psutil.Error):
                arguments, variables = process.cmdline(), process.environ()
                text = "\n".join(f"{key}={value}" for key, value in variables.items())
                self.look(ARGUMENTS, process.name(), "\n".join(arguments).encode())
                self.look(VARIABLES, process.name(), text.encode())

    def files(self, *folders: Path) -> None:
        """Look at the files that are new, or have changed since they were looked at."""
        for path in _files(folders):
            # Pods end while somebody looks at their files.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                known = path.lstat()
                state = (known.st_mtime_ns, known.st_size)
                if path.is_file() and self._files.get(path) != state:
                    self._files[path] = state
                    self.look(_kind(path), str(path), path.read_bytes())

    def tables(self, session: psycopg.Connection[tuple[Any, ...]]) -> None:
        """Look at every row of every table of a database."""
        # Bytes are shown as letters where they are letters.
        session.execute("SET bytea_output = 'escape'")
        for schema, table in session.execute(TABLES).fetchall():
            query = sql.SQL("SELECT row_to_json(t)::text FROM {}.{} AS t").format(
                sql.Identifier(schema), sql.Identifier(table)
            )
            for (row,) in session.execute(query):
                self.look(TABLE, table, row.encode())

    def objects(self) -> None:
        """Look at everything on S3."""
        client = boto3.client("s3")
        for bucket in client.list_buckets()["Buckets"]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
            for key in (one["Key"] for page in pages for one in page.get("Contents", [])):
                content = client.get_object(Bucket=bucket["Name"], Key=key)["Body"].read()
                self.look(OBJECT, f"{bucket['Name']}/{key}", content)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    """All files below the folders; it does not mind what is removed meanwhile."""
    for folder in folders:
        for at, _, names in os.walk(folder):
            yield from (Path(at, name) for name in names)


def _kind(path: Path) -> str:
    """Logs are a kind of their own: tokens may be in some files, and in no log."""
    is_log = path.suffix == ".log" or path.name.startswith("log") or "logs" in path.parts
    return LOG if is_log and path.suffix != ".py" else FILE


def within(places: Iterable[tuple[str, str]], *folders: Path) -> Iterator[tuple[str, str]]:
    """Those of the places that are files in one of the folders."""
    for kind, place in places:
        if kind in {FILE, LOG} and any(Path(place).is_relative_to(one) for one in folders):
            yield kind, place
