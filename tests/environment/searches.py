"""Looks for secrets in everything that an environment shows or keeps; it tests nothing.

What is looked through is not kept: only where something was found, and how much was looked at. It
does not see into what is compressed or encrypted: packages, objects of git, TLS.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import psutil
import psycopg
from psycopg import sql

from tests.environment.process_environments import environment_now
from tests.secret_forms import PRIVATE_KEY, SHAPES

ARGUMENTS, VARIABLES = "arguments", "variables"
FILE, NAME, TABLE, OBJECT, ANSWER, OUTPUT = "file", "name", "table", "object", "answer", "output"
"""The kinds of places; a name is a file's path, an answer is AWS's to its administrator."""
RUN = re.compile(rb"[!-~]{10,}")
"""What a text form of a secret, or a shape, is a part of."""
_SECRET_KEY = re.compile(rb"(?<![\w+/-])[A-Za-z0-9+/]{40}(?![\w+/=-])")
"""What the secret key of an access key looks like, among other things."""
_EMPTY = bytes(64)  # most of a PostgreSQL server's files
_DESCRIPTIONS = (
    ("rds", "describe_db_instances"),
    ("lambda", "list_functions"),
    ("secretsmanager", "list_secrets"),
    ("events", "list_rules"),
    ("cloudwatch", "describe_alarms"),
)
# Some of the server's views tell only with a module, or on a machine with several memories.
_VIEWS_OF_OTHERS = (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.InternalError_)
_RELATIONS = """
    SELECT n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'f') AND n.nspname NOT IN ('information_schema', 'pg_toast')
"""


class Name(NamedTuple):
    """A secret of this run: its row in the inventory, and whose it is."""

    secret: str
    holder: str

    def __str__(self) -> str:
        return f"{self.secret} of {self.holder}" if self.holder else self.secret


class Place(NamedTuple):
    """Where something is."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind} {self.where}"


class Search:
    """Looks for several secrets at once, and for what has a secret's shape.

    Args:
        wanted: each secret's forms.
        name_of: says which secret it is that has a shape, given the shape's name, what was found
            and the place; None when it is none at all.
    """

    def __init__(
        self,
        wanted: Mapping[Name, frozenset[bytes]],
        name_of: Callable[[str, bytes, Place], Name | None],
    ) -> None:
        self._texts: dict[bytes, Name] = {}
        self._raw: dict[bytes, Name] = {}
        for name, forms in wanted.items():
            for form in forms:
                (self._texts if RUN.fullmatch(form) else self._raw)[form] = name
        self._name_of = name_of
        self._clean: set[bytes] = set()
        self._keys: dict[bytes, set[Place]] = {}
        self._files: dict[Path, tuple[int, int]] = {}
        self.found: dict[Name, set[Place]] = {name: set() for name in wanted}
        """Where each secret is."""
        self.looked: Counter[str] = Counter()
        """How many places of each kind were looked at."""
        self.read: set[Place] = set()
        """Every place that was looked at."""

    def look(self, kind: str, where: str, content: bytes) -> None:
        """Look at one place."""
        place = Place(kind, where)
        self.looked[kind] += 1
        self.read.add(place)
        content = content.replace(_EMPTY, b"")
        for form, name in self._raw.items():
            if form in content:
                self.found[name].add(place)
        for key in PRIVATE_KEY.findall(content):
            self._note(place, "private key", key)
        runs = set(RUN.findall(content)) - self._clean
        if runs and not self._found_in(b"\n".join(runs), place):
            self._clean |= runs

    def _found_in(self, text: bytes, place: Place) -> bool:
        names = self._names_in(text)
        for name in names:
            self.found[name].add(place)
        shaped = [
            (shape, one) for shape, pattern in SHAPES.items() for one in pattern.findall(text)
        ]
        for shape, one in shaped:
            self._note(place, shape, one)
        keys = _SECRET_KEY.findall(text)
        for key in keys:
            self._keys.setdefault(key, set()).add(place)
        return bool(names or shaped or keys)

    def _names_in(self, text: bytes) -> set[Name]:
        return {name for form, name in self._texts.items() if form in text}

    def settle(self, name: Name, keys: Iterable[str]) -> None:
        """Note where secret keys were found that are known only now."""
        for key in keys:
            self.found.setdefault(name, set()).update(self._keys.get(key.encode(), ()))

    def _note(self, place: Place, shape: str, text: bytes) -> None:
        name = self._name_of(shape, text, place)
        if name is not None:
            self.found.setdefault(name, set()).add(place)

    def process(self, process: psutil.Process) -> None:
        """Look at what a process shows of itself, and what it hands to its children."""
        with contextlib.suppress(psutil.Error):
            for kind, who, content in shown_by(process):
                self.look(kind, who, content)

    def files(self, label: Callable[[Path], str], *folders: Path) -> None:
        """Look at the files that are new, or have changed since they were looked at.

        Args:
            label: says what a place is called.
            folders: all files below them.
        """
        for path in _files(folders):
            # Pods end while somebody looks at their files.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, ProcessLookupError):
                known = path.lstat()
                state = (known.st_mtime_ns, known.st_size)
                if self._files.get(path) == state or not path.is_file():
                    continue
                self._files[path] = state
                where = label(path)
                if self._names_in(os.fsencode(path)):
                    where = f"{label(path.parent)}/*"  # Its name is not to be shown.
                self.look(NAME, where, os.fsencode(path))
                self.look(FILE, where, path.read_bytes())

    def tables(self, instance: str, session: psycopg.Connection[Any]) -> None:
        """Look at every row of every table and view of a database, the server's own included.

        Those of the standard's information schema show nothing that the server's do not.
        """
        # Bytes are shown as letters where they are letters.
        session.execute("SET bytea_output = 'escape'")
        database = session.info.dbname
        for schema, table in session.execute(_RELATIONS).fetchall():
            query = sql.SQL(  # No column has such a name, which would be meant before the row.
                'SELECT row_to_json("the row")::text FROM {}.{} AS "the row"'
            ).format(sql.Identifier(schema), sql.Identifier(table))
            with contextlib.suppress(*_VIEWS_OF_OTHERS):
                rows = b"\n".join(row.encode() for (row,) in session.execute(query))
                self.look(TABLE, f"{instance}/{database}.{schema}.{table}", rows)

    def answers(self) -> None:
        """Look at what AWS tells its administrator: values of secrets, logs, descriptions."""
        secrets, logs = boto3.client("secretsmanager"), boto3.client("logs")
        for one in secrets.list_secrets()["SecretList"]:
            for version in one["SecretVersionsToStages"]:
                value = secrets.get_secret_value(SecretId=one["ARN"], VersionId=version)
                self.look(ANSWER, f"secret {one['Name']}", value["SecretString"].encode())
        for group in logs.describe_log_groups()["logGroups"]:
            name = group["logGroupName"]
            events = logs.filter_log_events(logGroupName=name)["events"]
            text = "\n".join(event["message"] for event in events)
            self.look(ANSWER, f"log group {name}", text.encode())
        for service, operation in _DESCRIPTIONS:
            answer = getattr(boto3.client(service), operation)()
            self.look(ANSWER, operation, json.dumps(answer, default=str).encode())

    def objects(self) -> None:
        """Look at everything on S3."""
        client = boto3.client("s3")
        for bucket in client.list_buckets()["Buckets"]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
            for key in (one["Key"] for page in pages for one in page.get("Contents", [])):
                content = client.get_object(Bucket=bucket["Name"], Key=key)["Body"].read()
                self.look(OBJECT, f"{bucket['Name']}/{key}", content)


def shown_by(process: psutil.Process) -> Iterator[tuple[str, str, bytes]]:
    """The kind of place, whose it is, and what a process shows there."""
    begun = "\n".join(f"{key}={value}" for key, value in process.environ().items()).encode()
    variables = b"\n".join([begun, environment_now(process.pid) or b""])
    function = re.search(rb"AWS_LAMBDA_FUNCTION_NAME=(.+)", variables)
    who = f"function {function[1].decode()}" if function else process.name()
    yield ARGUMENTS, who, "\n".join(process.cmdline()).encode()
    yield VARIABLES, who, variables


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    """All files below the folders; it does not mind what is removed meanwhile."""
    for folder in folders:
        for at, _, names in os.walk(folder):
            yield from (Path(at, name) for name in names)
