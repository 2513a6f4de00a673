"""What a refresh notices of changes by hand, and what it cannot: each with the reason.

Of AWS nothing is changed by hand here. The account of this machine keeps less than AWS of some
resources, so what AWS's plugin would notice is not proven by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.engine.pulumi_stack import REFRESH, EngineError
from tests.environment.checkout import provisioner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.pulumi_stack import PulumiStack

NOTICED = {
    "local-billing-login": "ALTER ROLE local_billing CONNECTION LIMIT 3",
    "local-marketing-login": "ALTER ROLE local_marketing NOLOGIN",
    "local-reference-login": "ALTER ROLE local_reference SET statement_timeout = 7000",
    "local-analysts-login": "ALTER ROLE local_analysts SET search_path = pg_catalog",
    "local-report-writer-login": "REVOKE local_billing_reader FROM local_report_writer",
    "local-marketing-writer-reads": "REVOKE local_marketing_reader FROM local_marketing_writer",
    "local-marketing-owner": "REVOKE local_marketing_writer FROM local_marketing_owner",
    "local-reference-v1": "ALTER SCHEMA local_reference_v1 OWNER TO local_billing_owner",
    "local-billing-v1-schema-for-reader": (
        "GRANT CREATE ON SCHEMA local_billing_v1 TO local_billing_reader"
    ),
    "local-reference-connect": "REVOKE CONNECT ON DATABASE application FROM local_reference",
    "application-provisioner-application-public-database": (
        "GRANT TEMPORARY ON DATABASE application TO public"
    ),
    "local-marketing-owner-tables-for-reader": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE local_marketing_owner "
        "REVOKE SELECT ON TABLES FROM local_marketing_reader"
    ),
    "application-provisioner-application": "ALTER DATABASE application CONNECTION LIMIT 50",
}
"""By resource a change by hand; no one of them is another's."""

UNNOTICED = {
    # PostgreSQL keeps no entry for rights that are as they are without any; the plugin reads no
    # entry as no rights, which is what is declared.
    "local-reference-owner-functions-for-public": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE local_reference_owner {} ON FUNCTIONS {} public",
        ("GRANT EXECUTE", "TO"),
        ("REVOKE EXECUTE", "FROM"),
    ),
    # Memberships of this role are resources of their own, so those it is read with are ignored.
    "local-billing-reader": (
        "{} local_reference_reader {} local_billing_reader",
        ("GRANT", "TO"),
        ("REVOKE", "FROM"),
    ),
}
"""By resource a change by hand that a refresh followed by an update leaves, done and undone."""
OWNERS = ("local_billing_owner", "local_marketing_owner", "local_reference_owner")


@pytest.fixture(scope="module", autouse=True)
def _by_hand(engine: PulumiStack, upped: object) -> Iterator[None]:  # noqa: ARG001 - has to be up
    """Let the provisioner act for the owners; without that it may not change what is theirs."""
    execute(engine, *(f"GRANT {owner} TO provisioner" for owner in OWNERS))
    yield
    execute(engine, *(f"REVOKE {owner} FROM provisioner" for owner in OWNERS))


def execute(engine: PulumiStack, *statements: str) -> None:
    with engine.checkout.account() as access:
        at = access.instance("application")
        with access.connect(provisioner(), at, autocommit=True) as session:
            for statement in statements:
                session.execute(sql.SQL(statement))


def test_without_changes_by_hand_a_refresh_finds_none(engine: PulumiStack) -> None:
    foreseen = engine.refreshed()

    assert foreseen.changes == {}
    read = {urn for urn in engine.export() if "$kubernetes:" not in urn}
    assert {urn for urn in read if "$postgresql:" in urn} <= set(foreseen.operations)


def test_manifests_cannot_be_refreshed(engine: PulumiStack) -> None:
    """Their plugin writes files and reads from a cluster, so they are excluded."""
    objects = [urn for urn in engine.export() if "$kubernetes:" in urn]
    assert objects

    with pytest.raises(EngineError, match="due to unreachable cluster"):
        engine.call(*REFRESH[:3], "--preview-only", "--json", "--target", objects[0])


def test_what_is_changed_by_hand_is_noticed_and_put_back(engine: PulumiStack) -> None:
    before = engine.export()
    execute(engine, *NOTICED.values())

    assert {urn.split("::")[-1] for urn in engine.refreshed().changes} == set(NOTICED)

    engine.call(*REFRESH, "--yes", "--skip-preview")
    engine.up()
    assert engine.refreshed().changes == {}
    assert {urn: one["inputs"] for urn, one in engine.export().items()} == {
        urn: one["inputs"] for urn, one in before.items()
    }


@pytest.mark.parametrize("name", UNNOTICED)
def test_what_a_refresh_cannot_notice(engine: PulumiStack, name: str) -> None:
    """Kept up to date: a plugin that learns it makes this fail."""
    statement, do, undo = UNNOTICED[name]
    execute(engine, statement.format(*do))
    try:
        noticed = {urn.split("::")[-1] for urn in engine.refreshed().changes}
        assert noticed == set()
    finally:
        execute(engine, statement.format(*undo))
