"""A parameter group becomes a configuration: taken, translated, or dropped with the reason."""

from __future__ import annotations

import pytest

from local.account.postgres import dropped_parameters
from local.account.postgres.binaries import find
from local.account.postgres.parameters import Configuration, render


@pytest.fixture(params=[16, 18], ids=["16", "18"])
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def settings(major: int, **parameters: str) -> dict[str, str]:
    return dict(Configuration.of(find(major), parameters).settings)


def test_known_settings_are_taken(major: int) -> None:
    taken = settings(major, work_mem="8192", log_statement="ddl", TimeZone="Europe/Vienna")

    assert (taken["work_mem"], taken["log_statement"]) == ("8192", "ddl")
    assert taken["timezone"] == "Europe/Vienna"


def test_defaults_of_rds(major: int) -> None:
    taken = settings(major)

    assert taken["rds.force_ssl"] == "1"
    assert taken["reserved_connections"] == "2"
    assert taken["password_encryption"] == "scram-sha-256"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rds.rds_superuser_reserved_connections", "5", {"reserved_connections": "5"}),
        ("rds.logical_replication", "1", {"wal_level": "logical"}),
        ("rds.logical_replication", "0", {"wal_level": "replica"}),
        ("rds.force_ssl", "0", {"rds.force_ssl": "0"}),
        ("shared_preload_libraries", "vector", {"shared_preload_libraries": "vector"}),
    ],
)
def test_translated(major: int, name: str, value: str, expected: dict[str, str]) -> None:
    assert expected.items() <= settings(major, **{name: value}).items()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "shared_preload_libraries",
            "pg_stat_statements,pgaudit",
            "the package of PostgreSQL has no pg_stat_statements and no pgaudit",
        ),
        ("pgaudit.log", "ddl", "PostgreSQL {major} on this machine does not have it"),
        (
            "rds.restrict_password_commands",
            "1",
            "PostgreSQL {major} on this machine does not have it",
        ),
        ("rds.extensions", "vector", "PostgreSQL {major} on this machine does not have it"),
        ("no_such_setting", "1", "PostgreSQL {major} on this machine does not have it"),
        ("max_connections", "{DBInstanceClassMemory/9531392}", "it is a formula over"),
        ("password_encryption", "md5", "the endpoint speaks SCRAM-SHA-256 only"),
        ("ssl", "1", "TLS is the endpoint's"),
        ("ssl_min_protocol_version", "TLSv1.3", "TLS is the endpoint's"),
        ("listen_addresses", "*", "clients reach the server through its endpoint only"),
        ("log_destination", "csvlog", "where the server keeps its files"),
        ("archive_command", "cp %p /x", "there are no backups on this machine"),
    ],
)
def test_dropped_with_the_reason(major: int, name: str, value: str, reason: str) -> None:
    dropped = dropped_parameters(major, {name: value})

    assert dropped[name].startswith(reason.format(major=major))
    assert settings(major, **{name: value}) == settings(major)


def test_setting_that_only_the_newer_one_has() -> None:
    assert "io_method" in dropped_parameters(16, {"io_method": "sync"})
    assert not dropped_parameters(18, {"io_method": "sync"})


def test_values_are_quoted() -> None:
    written = render({"log_line_prefix": "it's a \\ back\nslash"})

    assert written == r"log_line_prefix = 'it''s a \\ back\nslash'" + "\n"
