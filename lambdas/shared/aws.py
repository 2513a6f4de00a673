"""The AWS clients of a function, and the IAM tokens that it logs in to a database with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.config import Config


def clients(region: str, config: Config) -> Callable[[str], Any]:
    """Return what gives the boto3 client of a service: made when needed, and only once."""
    session = boto3.session.Session(region_name=region)
    return cache(lambda service: session.client(service, config=config))


def database_token(aws: Callable[[str], Any], *, host: str, port: int, user: str) -> str:
    """Return an IAM token for a login; it lives 15 minutes, and is signed without a call."""
    token: str = aws("rds").generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    return token
