"""Renders the inventory of secrets for people: `python -m tests.environment.secret_document`.

It prints what `docs/secrets.md` is to be; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.environment.secret_inventory import INVENTORY
from tests.environment.secret_rows import SOMETIMES, UNKNOWABLE, Secret

HEAD = """\
# Secrets

Every secret that the platform makes, or has made for it: nobody writes one down. The table is
`tests/environment/secret_inventory.py`, rendered by

    .venv/bin/python -m tests.environment.secret_document > docs/secrets.md

The tests of the local environment search for each of them in all files, logs, outputs of commands,
command lines and environments of processes, manifests, tables of all databases, objects on S3 and
answers of AWS, and want to find it in each of the places of the second table, and nowhere else.

## What they are

| secret | who makes it | where it lives on AWS | who can read it | how it ends |
|---|---|---|---|---|
"""
PLACES = """
## Where they are in the local environment

`{holder}` is whose secret it is, `*` is anything. `instances` are the files of a PostgreSQL server,
`pods` those of a pod by its service account. A place in brackets has it for a while, or not in each
run.

| secret | place | why |
|---|---|---|
"""
_NOBODY = "| {name} | in memory alone | {why} |\n"


def document() -> str:
    """The whole text."""
    whole = (
        f"| {one.name} | {one.maker} | {one.on_aws} | {one.readers} | {one.ends} |\n"
        for one in INVENTORY
    )
    return "".join([HEAD, *whole, PLACES, *(line for one in INVENTORY for line in _places(one))])


def _places(secret: Secret) -> Iterator[str]:
    for belongs in secret.places:
        place = f"{belongs.kind} `{belongs.where}`"
        shown = f"({place})" if belongs.seen == SOMETIMES else place
        yield f"| {secret.name} | {shown} | {belongs.reason} |\n"
    if not secret.places:
        why = "nobody can find it out" if secret.seen == UNKNOWABLE else "it is found nowhere else"
        yield _NOBODY.format(name=secret.name, why=why)


if __name__ == "__main__":
    print(document(), end="")
