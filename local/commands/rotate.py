"""`make rotate WHAT=...`: give a login a new password now, or Airflow a new key."""

from __future__ import annotations

import argparse

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local import rotate_keys
from local.commands.common import LOCAL, CommandError, running_account, settings_of, use_account
from local.paths import Paths
from local.rotation import Rotated, rotate, rotated_logins
from stacks.settings import Settings


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Rotate, and tell each step."""
    settings = settings_of(paths, arguments.env)
    is_key = rotate_keys.is_key(arguments.what)
    if is_key and arguments.env != LOCAL:
        raise CommandError(
            f"WHAT={arguments.what} is rotated by `make` on this machine alone: "
            "docs/rotation-keys.md has the commands for others"
        )
    login = None if is_key else _login(rotated_logins(settings), arguments.what)
    if arguments.env == LOCAL:
        running_account(paths)
        use_account(paths)
    if login is None:
        rotate_keys.rotate(paths, arguments.what, print)
        return 0
    rotate(_session(settings, arguments.env), login, print)
    print(f"{login.what} has a new password; what clients read before works until the next one")
    return 0


def _login(logins: list[Rotated], what: str) -> Rotated:
    found = [one for one in logins if what in {one.name, one.what}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"WHAT={one.what}" for one in found or logins)
    if found:
        raise CommandError(f"WHAT={what} is in several environments: write one of {names}")
    raise CommandError(
        f"WHAT={what or '(nothing)'} is no login that is rotated: "
        + (f"write one of {names}" if names else "write `login: rotated` in the settings")
    )


def _session(settings: Settings, stack: str) -> boto3.Session:
    """The session of whoever calls, in the stack's own account."""
    session = boto3.Session(region_name=settings.region)
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"AWS does not know who you are ({error}): log in to it") from None
    if account != settings.account:
        raise CommandError(
            f"you are logged in to account {account}, and the stack {stack} is in "
            f"{settings.account}: log in to that one"
        )
    return session
