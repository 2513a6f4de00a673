"""The bootstrap function reaches one and the same state, whatever it finds on a real PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, LiteralString

import pytest

from lambdas.shared.database import Server, Session, connect
from lambdas.shared.errors import LoginRefusedError, NotProvenError

if TYPE_CHECKING:
    from tests.lambdas.database_instance import Instance

ALL_STEPS = [
    "create provisioner",
    "grant rds_iam to provisioner",
    "grant rds_password to provisioner",
    "revoke rights of PUBLIC on database postgres",
    "grant CONNECT on database postgres to provisioner",
    "grant rds_iam to master",
]


def test_first_invocation_makes_the_provisioner_and_says_so(instance: Instance) -> None:
    answer = instance.bootstrap()

    assert answer == {
        "provisioner": "provisioner",
        "master": "dbmaster",
        "serverVersion": answer["serverVersion"],
        "loggedInBy": "password",
        "foundProvisioner": False,
        "done": ALL_STEPS,
    }
    assert answer["serverVersion"].split(".")[0] == str(instance.spec.major)
    assert instance.superuser(
        "SELECT rolcanlogin, rolinherit, rolcreaterole, rolcreatedb, rolsuper, rolreplication,"
        " rolbypassrls, rolconnlimit, rolpassword FROM pg_authid WHERE rolname = 'provisioner'"
    ) == [(True, True, True, True, False, False, False, -1, None)]
    assert instance.superuser(
        "SELECT grantee::regrole::text, privilege_type FROM pg_database, aclexplode(datacl)"
        " WHERE datname = 'postgres' ORDER BY 1, 2"
    ) == [
        ("dbmaster", "CONNECT"),
        ("dbmaster", "CREATE"),
        ("dbmaster", "TEMPORARY"),
        ("provisioner", "CONNECT"),
    ]


def test_provisioner_may_make_logins_that_use_iam(instance: Instance) -> None:
    instance.bootstrap()

    # As the provisioner, whose token is not the function's to sign.
    instance.superuser("CREATE ROLE leaf LOGIN", role="provisioner")
    instance.superuser("GRANT rds_iam TO leaf", role="provisioner")
    made = instance.superuser("SELECT pg_has_role('leaf', 'rds_iam', 'MEMBER')")
    instance.superuser("DROP ROLE leaf")
    assert made == [(True,)]


def test_password_of_the_master_is_dead_afterwards(instance: Instance) -> None:
    instance.bootstrap()

    server = Server(host="127.0.0.1", port=instance.spec.port, certificates=instance.certificates)
    with pytest.raises(LoginRefusedError, match="28000"):
        connect(
            server,
            user="dbmaster",
            password=instance.password,
            database="postgres",
            timeout=5.0,
        )


def test_second_invocation_logs_in_by_iam_and_finds_nothing_to_do(instance: Instance) -> None:
    instance.bootstrap()
    before = instance.catalogs()

    answer = instance.bootstrap()

    assert (answer["loggedInBy"], answer["foundProvisioner"], answer["done"]) == ("iam", True, [])
    assert instance.catalogs() == before


def test_master_whose_password_never_worked_gets_in_by_iam(instance: Instance) -> None:
    """On a server that counts ADMIN on rds_iam as membership, the password opens nothing."""
    instance.bootstrap()
    undisturbed = instance.catalogs()
    instance.superuser("DROP OWNED BY provisioner")
    instance.superuser("DROP ROLE provisioner")
    instance.superuser("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC")

    answer = instance.bootstrap()

    assert answer["loggedInBy"] == "iam"
    assert answer["done"] == ALL_STEPS[:-1]
    assert instance.catalogs() == undisturbed


@pytest.mark.parametrize(
    ("drift", "by", "repair"),
    [
        ("ALTER ROLE provisioner NOCREATEROLE", "dbmaster", "repair attributes of provisioner"),
        ("ALTER ROLE provisioner NOCREATEDB", "dbmaster", "repair attributes of provisioner"),
        ("ALTER ROLE provisioner NOLOGIN", "dbmaster", "repair attributes of provisioner"),
        ("ALTER ROLE provisioner NOINHERIT", "dbmaster", "repair attributes of provisioner"),
        (
            "ALTER ROLE provisioner CONNECTION LIMIT 0",
            "dbmaster",
            "repair attributes of provisioner",
        ),
        # A membership is only taken away by the role that is recorded as its grantor.
        ("REVOKE rds_iam FROM provisioner", "rds_superuser", "grant rds_iam to provisioner"),
        (
            "REVOKE ADMIN OPTION FOR rds_iam FROM provisioner",
            "rds_superuser",
            "grant rds_iam to provisioner",
        ),
        ("REVOKE rds_iam FROM dbmaster", "rds_superuser", "grant rds_iam to master"),
        (
            "REVOKE rds_password FROM provisioner",
            "rds_superuser",
            "grant rds_password to provisioner",
        ),
        (
            "GRANT rds_iam TO provisioner WITH INHERIT FALSE, SET FALSE",
            "rds_superuser",
            "grant rds_iam to provisioner",
        ),
        (
            "GRANT rds_iam TO dbmaster WITH INHERIT FALSE, SET FALSE",
            "rds_superuser",
            "grant rds_iam to master",
        ),
        (
            "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
            "dbmaster",
            "revoke rights of PUBLIC on database postgres",
        ),
        (
            "REVOKE CONNECT ON DATABASE postgres FROM provisioner",
            "dbmaster",
            "grant CONNECT on database postgres to provisioner",
        ),
    ],
)
def test_drift_is_repaired(
    instance: Instance, drift: LiteralString, by: LiteralString, repair: str
) -> None:
    instance.bootstrap()
    undisturbed = instance.catalogs()
    instance.superuser(drift, role=by)
    assert instance.catalogs() != undisturbed

    answer = instance.bootstrap()

    assert answer["done"] == [repair]
    assert instance.catalogs() == undisturbed


def test_connection_limit_is_what_the_event_says(instance: Instance) -> None:
    query = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'provisioner'"

    limits = []
    for changes in ({"connectionLimit": 7}, {"connectionLimit": 9}, {}):
        instance.bootstrap(instance.event(**changes))
        limits.extend(instance.superuser(query))

    assert limits == [(7,), (9,), (-1,)]


def test_names_are_quoted_wherever_they_go(instance: Instance) -> None:
    name = 'odd "name"; DROP ROLE dbmaster --'

    instance.bootstrap(instance.event(provisioner=name))

    made = instance.superuser(
        "SELECT rolname, rolcreaterole FROM pg_roles WHERE rolname = %s", name
    )
    quoted = '"' + name.replace('"', '""') + '"'
    instance.superuser(f"DROP OWNED BY {quoted}")
    instance.superuser(f"DROP ROLE {quoted}")
    assert made == [(name, True)]


def test_invocations_at_the_same_time_do_the_work_once(instance: Instance) -> None:
    together = threading.Barrier(4)

    def invoke() -> list[str]:
        together.wait()
        done: list[str] = instance.bootstrap()["done"]
        return done

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(invoke) for _ in range(4)]]

    assert sorted(answers) == [[], [], [], ALL_STEPS]
    assert instance.bootstrap()["done"] == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("ALTER ROLE provisioner SUPERUSER", "provisioner is a superuser, which it must not"),
        ("ALTER ROLE provisioner REPLICATION", "provisioner has REPLICATION, which it must not"),
        ("ALTER ROLE provisioner BYPASSRLS", "provisioner has BYPASSRLS, which it must not"),
        ("GRANT rds_superuser TO provisioner", "provisioner is a member of rds_superuser"),
        ("ALTER DATABASE postgres OWNER TO rdsadmin", "could not revoke rights of PUBLIC"),
    ],
)
def test_what_it_cannot_put_right_it_does_not_commit(
    instance: Instance, request: pytest.FixtureRequest, spoil: LiteralString, sentence: str
) -> None:
    request.addfinalizer(lambda: instance.superuser("ALTER DATABASE postgres OWNER TO dbmaster"))
    instance.superuser("CREATE ROLE provisioner LOGIN CREATEROLE CREATEDB")
    instance.superuser("GRANT provisioner TO dbmaster WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    instance.superuser(spoil)
    before = instance.catalogs()

    with pytest.raises(NotProvenError, match=sentence):
        instance.bootstrap()

    assert instance.catalogs() == before


class Older(Session):
    """A session with a server that says it is PostgreSQL 15."""

    def run(self, sql: str, **values: str | int) -> list[list[Any]]:
        """Answer for the server when it is asked for its version."""
        rows = super().run(sql, **values)
        return [[150012, "15.12"]] if "server_version_num" in sql else rows


def test_older_server_is_refused(instance: Instance) -> None:
    def connect_to_older(server: Server, **login: Any) -> Session:  # noqa: ANN401 - handed on
        return Older(connect(server, **login)._connection)

    before = instance.catalogs()
    with pytest.raises(NotProvenError, match=r"PostgreSQL 15\.12; 16 or later is needed"):
        instance.bootstrap(connect=connect_to_older)
    assert instance.catalogs() == before
