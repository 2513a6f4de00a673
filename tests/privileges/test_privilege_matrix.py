"""Every login tries everything on everything, and each attempt ends as the matrix says.

The statements are real ones, in sessions that IAM tokens opened over TLS, and are taken back.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.privileges.actors import INSTANCES, actors, made_roles
from tests.privileges.expected import cells, login_cells
from tests.privileges.platforms import VERSIONS
from tests.privileges.trial import try_all, try_logins

if TYPE_CHECKING:
    from tests.privileges.conftest import Platform
    from tests.privileges.matrix import Instance
    from tests.privileges.trial import Seen

CELLS: dict[Instance, dict[str, int]] = {
    "application": {"schemas": 19158, "databases": 535, "server": 800, "roles": 9978},
    "metadata": {"schemas": 518, "databases": 266, "server": 375, "roles": 1797},
}
"""How many cells there are of each section. Another number is right only if the matrix or the
settings of the platforms were changed on purpose."""
LOGINS = 36 * 36 + 32
LINES = 200
"""How many mismatches are shown."""
STATE = """
    SELECT 'relation', oid::regclass::text, relowner::regrole::text, relacl::text FROM pg_class
    WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
    UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc), proacl::text FROM pg_proc
    UNION ALL SELECT 'schema', nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace
    UNION ALL SELECT 'database', datname, datdba::regrole::text, datacl::text FROM pg_database
    UNION ALL SELECT 'role', rolname, rolconnlimit::text, rolconfig::text FROM pg_roles
    UNION ALL SELECT 'member', roleid::regrole::text, member::regrole::text,
        concat(admin_option, inherit_option, set_option) FROM pg_auth_members
    UNION ALL SELECT 'default', defaclrole::regrole::text, defaclobjtype::text, defaclacl::text
        FROM pg_default_acl
    UNION ALL SELECT 'setting', setdatabase::text, setrole::regrole::text, setconfig::text
        FROM pg_db_role_setting
    UNION ALL SELECT 'large object', oid::text, lomowner::text, '' FROM pg_largeobject_metadata
    ORDER BY 1, 2, 3, 4
"""


def mismatches(seen: list[Seen]) -> str:
    """A line for each attempt that ended otherwise than it should, and how many there are."""
    lines = [str(one) for one in seen if one.outcome != one.expected]
    return "\n".join([f"{len(lines)} mismatches", *lines[:LINES]]) if lines else ""


def state(platform: Platform, instance: Instance) -> list[tuple[object, ...]]:
    """What the provisioner sees of owners and rights, in each of its databases."""
    found: list[tuple[object, ...]] = []
    for actor in actors(platform.settings, instance):
        if actor.standing == "P":
            with platform.keys.connect(actor) as session:
                found += session.execute(sql.SQL(STATE)).fetchall()
    return found


@pytest.mark.parametrize("instance", INSTANCES)
def test_everything_ends_as_the_matrix_says_and_leaves_nothing_behind(
    platform: Platform, instance: Instance
) -> None:
    before = state(platform, instance)

    seen = try_all(platform.keys, cells(platform.settings, instance))

    assert not mismatches(seen), mismatches(seen)
    assert Counter(one.cell.section for one in seen) == CELLS[instance]
    assert state(platform, instance) == before


@pytest.mark.parametrize("instance", INSTANCES)
def test_each_session_begins_as_the_settings_say(platform: Platform, instance: Instance) -> None:
    """In the role that all it makes shall belong to, and in the schemas that are live."""
    begin = "SELECT session_user::text, current_user::text, current_schemas(false)::text[]"
    expected, found = [], []
    for actor in actors(platform.settings, instance):
        if actor.standing in "WROC":
            expected.append((actor.user, actor.acts_as, list(actor.path)))
            with platform.keys.connect(actor) as session:
                found += session.execute(sql.SQL(begin)).fetchall()

    assert found == expected


@pytest.mark.parametrize("instance", INSTANCES)
def test_group_roles_cannot_log_in_and_no_role_can_do_more(
    platform: Platform, instance: Instance
) -> None:
    """Attributes open what no grant does, and to a login that nobody has yet."""
    everybody = list(actors(platform.settings, instance))
    logins = {actor.user for actor in everybody}
    attributes = """
        SELECT rolname::text, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication,
            rolbypassrls
        FROM pg_roles WHERE rolname = ANY(%s)
    """
    roles = sorted(made_roles(platform.settings, instance))

    with platform.keys.connect(everybody[-1]) as session:
        found = session.execute(attributes, [roles]).fetchall()

    rotators = {actor.user for actor in everybody if actor.standing == "T"}
    assert sorted(found) == [
        (role, role in logins, False, role in rotators, *[False] * 3) for role in roles
    ]


@pytest.mark.parametrize("platform", list(VERSIONS)[-1:], indirect=True)
def test_each_iam_role_opens_its_own_login_and_no_other(platform: Platform) -> None:
    """Neither of another environment nor of the other instance, and whatever their versions."""
    seen = try_logins(platform.keys, login_cells(platform.settings))

    assert not mismatches(seen), mismatches(seen)
    assert len(seen) == LOGINS


def test_each_instance_is_of_the_version_that_it_should_be(platform: Platform) -> None:
    found = {}
    for instance in INSTANCES:
        master = list(actors(platform.settings, instance))[-1]
        with platform.keys.connect(master) as session:
            found[instance] = session.info.server_version // 10000

    metadata, application = VERSIONS[platform.name]
    assert found == {"metadata": int(metadata), "application": int(application)}
