"""The SQL of the PostgreSQL drivers, on real servers and through the endpoint's real logins."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import pytest

from local.deploy import state
from local.deploy.testing import POSTGRESQL_HEAD, PROJECT, STACK, SmallProject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.deploy.report import Result

MODEL = """
reader = role("reader")
# What a writer has given to the reader is taken back with the writer, so that one goes first.
writer = role("writer", after=[reader])
owner = role("owner", after=[writer])
default("reads", writer.name, reader.name, "table", ["SELECT"])
default("hidden", writer.name, "public", "function", [])
grant("public-database", "public", "database", [])
grant("public-schema", "public", "schema", [], schema="public")
for version in versions:
    schema = pg.Schema(f"v{version}", name=f"{P}_v{version}", owner=owner.name, database=P,
        drop_cascade=drop,
        opts=ResourceOptions.merge(inside, ResourceOptions(retain_on_delete=not drop)))
    grant(f"v{version}-writer", writer.name, "schema", writer_privileges, schema.name)
    grant(f"v{version}-reader", reader.name, "schema", ["USAGE"], schema.name)
path = [f"{P}_v{versions[0]}"] if versions else []
login = role("login", login=True, inherit=False, roles=["rds_iam", writer.name],
    assume_role=writer.name, search_paths=path, **login_more)
guest = role("guest", login=True, search_paths=path,
    roles=["rds_iam", reader.name] if guest_reads else ["rds_iam"])
grant("login-connects", login.name, "database", ["CONNECT"])
grant("guest-connects", guest.name, "database", ["CONNECT"])
"""
SETTINGS = {
    "versions": [1],
    "drop": False,
    "writer_privileges": ["CREATE", "USAGE"],
    "login_more": {"connection_limit": 2, "statement_timeout": 30000},
    "guest_reads": True,
}


# The fixture's classes are conftest's own; tests cannot import from there.
Instance: TypeAlias = Any


@dataclass
class Server:
    """A project with a database of its own, and ways to look at what it did."""

    project: SmallProject
    instance: Instance
    prefix: str
    user: str
    key: Any
    head: str

    def up(self, text: str = MODEL, **settings: object) -> Result:
        """Carry a program out, by default MODEL with some other settings."""
        values = {**SETTINGS, **settings}
        given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        self.project.program(text, head=self.head + given)
        self.project.events.clear()
        return self.project.up()

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask a catalog of the whole server, as the master."""
        with self.instance.master() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query, parameters).fetchall()
        return rows

    def inside(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask a catalog of the database, as the provisioner."""
        token = self.instance.token(self.key, self.user)
        with self.instance.connect(self.user, token, dbname=self.prefix) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query, parameters).fetchall()
        return rows

    def connect(self, name: str) -> psycopg.Connection:
        """Log in as one of the program's logins, with a token of a role that may."""
        user = f"{self.prefix}_{name}"
        key = self.instance.identities.role(user.replace("_", "-"))
        self.instance.identities.say("Allow", key, self.instance.spec.connect_resource(user))
        token = self.instance.token(key, user)
        connection: psycopg.Connection = self.instance.connect(user, token, dbname=self.prefix)
        return connection


BOTH_MAJORS = pytest.mark.parametrize("server", [16, 18], indirect=True)


@pytest.fixture
def server(
    request: pytest.FixtureRequest,
    instances: dict[int, Instance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Server]:
    instance = instances[getattr(request, "param", 18)]
    user = instance.login("LOGIN CREATEROLE CREATEDB")
    with instance.master() as connection:
        connection.execute(f"GRANT rds_iam TO {user} WITH ADMIN TRUE")
    key = instance.identities.role(user.replace("_", "-"))
    instance.identities.say("Allow", key, instance.spec.connect_resource(user))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", key.session_token)
    prefix = f"p{secrets.token_hex(3)}"
    head = POSTGRESQL_HEAD.format(
        host=instance.address, port=instance.spec.port, user=user, ca=instance.ca, prefix=prefix
    )
    server = Server(SmallProject(tmp_path / "project"), instance, prefix, user, key, head)
    yield server
    result = server.project.destroy()
    assert result.ok, result.messages
    assert server.ask("SELECT 1 FROM pg_roles WHERE rolname LIKE %s", f"{prefix}%") == []
    assert server.ask("SELECT 1 FROM pg_database WHERE datname = %s", prefix) == []


@BOTH_MAJORS
def test_the_model_works_for_those_it_is_for(server: Server) -> None:
    result = server.up()
    assert result.ok, result.messages
    with server.connect("login") as login:
        login.execute("CREATE TABLE bills AS SELECT 7 AS id")
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'bills'"
        assert login.execute(owner).fetchone() == (f"{server.prefix}_writer",)
        assert login.execute("SHOW statement_timeout").fetchone() == ("30s",)
    with server.connect("guest") as guest:
        assert guest.execute("SELECT id FROM bills").fetchall() == [(7,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            guest.execute("DELETE FROM bills")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            guest.execute("CREATE TABLE public.x (id int)")
    assert server.up().unchanged == 17
    assert server.project.preview().is_settled


def test_attributes_are_those_asked_for_and_otherwise_the_plugins(server: Server) -> None:
    server.up()
    query = """
        SELECT rolcanlogin, rolinherit, rolconnlimit, rolcreaterole, rolcreatedb, rolconfig
        FROM pg_roles WHERE rolname = %s
    """
    p = server.prefix
    config = [f"search_path={p}_v1", "statement_timeout=30000", f"role={p}_writer"]
    assert server.ask(query, f"{p}_login") == [(True, False, 2, False, False, config)]
    assert server.ask(query, f"{p}_owner") == [(False, True, -1, False, False, None)]
    query = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s"
    assert server.inside(query, f"{p}_v1") == [(f"{p}_owner",)]


@BOTH_MAJORS
def test_the_provisioner_stays_no_member_of_what_it_acted_as(server: Server) -> None:
    server.up()
    query = """
        SELECT pg_get_userbyid(roleid) FROM pg_auth_members
        WHERE pg_get_userbyid(roleid) LIKE %s AND pg_get_userbyid(member) NOT LIKE %s
        AND (set_option OR inherit_option)
    """
    assert server.ask(query, f"{server.prefix}%", f"{server.prefix}%") == []


@BOTH_MAJORS
def test_changes_are_made_in_place(server: Server) -> None:
    server.up()
    more = {
        "connection_limit": 5,
        "valid_until": "2030-01-01 00:00:00+00",
        "idle_in_transaction_session_timeout": 60000,
    }
    result = server.up(login_more=more, writer_privileges=["USAGE"], guest_reads=False)
    assert result.ok, result.messages
    assert server.project.done() == [("~", "guest"), ("~", "login"), ("~", "v1-writer")]
    p = server.prefix
    query = "SELECT rolconnlimit, rolvaliduntil::text, rolconfig FROM pg_roles WHERE rolname = %s"
    config = [
        f"search_path={p}_v1", f"role={p}_writer", "idle_in_transaction_session_timeout=60000",
    ]  # fmt: skip
    assert server.ask(query, f"{p}_login") == [(5, "2030-01-01 00:00:00+00", config)]
    query = "SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = %s::regrole"
    assert server.ask(query, f"{p}_guest") == [("rds_iam",)]
    query = "SELECT has_schema_privilege(%s, %s, 'CREATE'), has_schema_privilege(%s, %s, 'USAGE')"
    writer = (f"{p}_writer", f"{p}_v1")
    assert server.inside(query, *writer, *writer) == [(False, True)]


def test_a_version_that_is_left_out_stays_with_its_data_and_comes_back(server: Server) -> None:
    server.up(versions=[1])
    with server.connect("login") as login:
        login.execute("CREATE TABLE bills AS SELECT 7 AS id")
    assert server.up(versions=[2]).ok
    assert ("○", "v1") in server.project.done()
    with server.connect("login") as login, pytest.raises(psycopg.errors.UndefinedTable):
        login.execute("SELECT id FROM bills")
    assert server.up(versions=[1, 2]).ok
    with server.connect("guest") as guest:
        assert guest.execute("SELECT id FROM bills").fetchall() == [(7,)]


def test_a_version_that_is_to_be_dropped_goes_with_its_data(server: Server) -> None:
    server.up(versions=[1, 2], drop=True)
    with server.connect("login") as login:
        login.execute("CREATE TABLE bills AS SELECT 7 AS id")
    assert server.up(versions=[2], drop=True).ok
    assert ("-", "v1") in server.project.done()
    query = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
    assert server.inside(query, f"{server.prefix}_v1") == []


@BOTH_MAJORS
def test_what_a_removed_role_owned_goes_to_the_provisioner(server: Server) -> None:
    server.up()
    with server.connect("login") as login:
        login.execute("CREATE TABLE bills AS SELECT 7 AS id")
    result = server.up("")
    assert result.ok, result.messages
    query = "SELECT tableowner, schemaname FROM pg_tables WHERE tablename = 'bills'"
    left = server.inside(query)
    assert left == [(server.user, f"{server.prefix}_v1")]


@BOTH_MAJORS
def test_a_role_that_owns_in_another_database_stays_and_no_table_is_lost(server: Server) -> None:
    server.up()
    with server.connect("login") as login:
        login.execute("CREATE TABLE bills AS SELECT 7 AS id")
    other, owner = f"{server.prefix}_other", f"{server.prefix}_owner"
    token = server.instance.token(server.key, server.user)
    with server.instance.connect(server.user, token) as provisioner:
        provisioner.execute(f"CREATE DATABASE {other}")
        provisioner.execute(f"GRANT {owner} TO CURRENT_USER WITH SET TRUE")
        with server.instance.connect(server.user, token, dbname=other) as connection:
            connection.execute(f"CREATE SCHEMA kept AUTHORIZATION {owner}")
            result = server.up("")
            assert connection.execute("SELECT 'kept'::regnamespace").fetchall() == [("kept",)]
        assert f"in database {other}" in "".join(result.messages)
        query = "SELECT tableowner FROM pg_tables WHERE tablename = 'bills'"
        assert server.inside(query) == [(f"{server.prefix}_writer",)]
        provisioner.execute(f"DROP DATABASE {other}")
    assert server.up("").ok


def test_a_replaced_database_takes_along_what_is_in_it(server: Server) -> None:
    server.up()
    server.head = server.head.replace("name=P, owner", 'name=P, lc_collate="C", owner')
    result = server.up()
    assert result.ok, result.messages
    done = server.project.done()
    assert {sign for sign, _ in done} == {"±"}
    assert len(done) == 16
    query = "SELECT datcollate FROM pg_database WHERE datname = %s"
    assert server.ask(query, server.prefix) == [("C",)]
    with server.connect("login") as login:
        login.execute("CREATE TABLE bills (id int)")
    assert server.up().unchanged == 17


def test_a_database_in_use_is_not_dropped_and_who_is_in_the_way_is_said(server: Server) -> None:
    server.up()
    with server.connect("guest"):
        result = server.project.destroy()
        assert "Database database: permission denied to terminate process" in result.messages[0]
    assert server.project.destroy().ok


@pytest.mark.parametrize("name", ["database", "login", "v1", "v1-writer", "reads"])
def test_what_a_killed_run_had_made_is_found_and_completed(server: Server, name: str) -> None:
    """What is remembered then is that it was being created, and no more."""
    server.up()
    with state.opened(server.project.state_file, PROJECT, STACK, "up") as remembered:
        one = next(one for one in remembered.resources.values() if one.name == name)
        remembered.put(dataclasses.replace(one, id="", outputs={}, creating=True))
    result = server.up()
    assert result.ok, result.messages
    assert server.project.done() == [("+", name)]
    assert server.up().unchanged == 17


def test_many_at_once_do_not_get_into_each_others_way(server: Server) -> None:
    """Two sessions that grant on one object fail with "tuple concurrently updated"."""
    result = server.up(
        "for number in range(25):\n"
        '    one = role(f"r{number}")\n'
        '    grant(f"c{number}", one.name, "database", ["CONNECT"])\n'
        '    grant(f"u{number}", one.name, "schema", ["USAGE"], "public")\n'
    )
    assert result.ok, result.messages
    assert len(server.project.done()) == 78
