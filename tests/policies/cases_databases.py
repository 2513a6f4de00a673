"""Cases of the rules in `policies/rules/databases.py`."""

from __future__ import annotations

from policies.rules.databases import INSTANCE
from tests.policies.cases import Case, put

APPLICATION = (INSTANCE, "application")
CASES = (
    Case(
        rule="rds-encrypted",
        at=APPLICATION,
        path="storageEncrypted",
        breaks=(put("storageEncrypted", to=False), put("storageEncrypted", to="true")),
        zero=False,
    ),
)
