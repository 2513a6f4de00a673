"""Settings that name another certificate than the account's: said before anything is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.commands import UP, complaint

if TYPE_CHECKING:
    from tests.environment.checkout import Checkout, Declarations


def test_another_ca_bundle_is_said_before_anything_is_begun(fresh: Checkout) -> None:
    def change(settings: Declarations) -> None:
        settings["caBundle"] = "certificates/eu-west-1-bundle.pem"

    before = fresh.files()
    fresh.declare(change)

    run = fresh.run(*UP)

    assert (run.status, run.output) == (1, "")
    assert complaint(run) == (
        'airflow-postgres:caBundle is "certificates/eu-west-1-bundle.pem" in Pulumi.local.yaml; it '
        'must be ".local/certificates/ca.pem", where `make up` puts the certificate of its '
        "databases; write that."
    )
    assert fresh.files() == before
