"""Cases of the rules in `policies/rules/databases.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.resources import Resource
from policies.rules.databases import INSTANCE
from policies.values import UNKNOWN
from tests.policies.cases import HOLDS, LATER, Case, Change, put

APPLICATION = (INSTANCE, "application")


def without_origins(path: str, value: object) -> Change:
    """Set a property to a value that comes from nothing in the program."""

    def change(resource: Resource) -> Resource:
        depends = {key: urns for key, urns in resource.depends.items() if key != path}
        return replace(resource, properties={**resource.properties, path: value}, depends=depends)

    return change


def key_breaks(path: str) -> tuple[Change, ...]:
    """What a property that names a key must not be."""
    return (
        without_origins(path, "alias/aws/rds"),
        without_origins(path, "arn:aws:kms:eu-west-1:444455556666:alias/aws/rds"),
        without_origins(path, ["arn:aws:kms:eu-west-1:444455556666:key/one"]),
    )


CASES = (
    Case(
        rule="rds-not-public",
        at=APPLICATION,
        path="publiclyAccessible",
        breaks=(put("publiclyAccessible", to=True), put("publiclyAccessible", to="false")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="rds-encrypted",
        at=APPLICATION,
        path="storageEncrypted",
        breaks=(put("storageEncrypted", to=False), put("storageEncrypted", to="true")),
        zero=False,
    ),
    Case(
        rule="rds-cmk",
        at=APPLICATION,
        path="kmsKeyId",
        breaks=key_breaks("kmsKeyId"),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="rds-iam-auth",
        at=APPLICATION,
        path="iamDatabaseAuthenticationEnabled",
        breaks=(put("iamDatabaseAuthenticationEnabled", to=False),),
        zero=False,
    ),
    Case(
        rule="rds-managed-master-password",
        at=APPLICATION,
        path="manageMasterUserPassword",
        breaks=(
            put("manageMasterUserPassword", to=False),
            put("password", to=UNKNOWN),
            put("passwordWo", to=UNKNOWN),
        ),
        zero=False,
    ),
    Case(
        rule="rds-master-secret-cmk",
        at=APPLICATION,
        path="masterUserSecretKmsKeyId",
        breaks=key_breaks("masterUserSecretKmsKeyId"),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="rds-admin-name",
        at=APPLICATION,
        path="username",
        breaks=(put("username", to="postgres"), put("username", to="Admin")),
        zero="",
        # The filter that looks for the master's name no longer finds it.
        also=frozenset({"audit-watched"}),
    ),
    Case(
        rule="rds-nondefault-port",
        at=APPLICATION,
        path="port",
        breaks=(put("port", to=5432), put("port", to=5432.0), put("port", to="5434")),
        zero=0,
    ),
    Case(
        rule="rds-ca-current",
        at=APPLICATION,
        path="caCertIdentifier",
        breaks=(put("caCertIdentifier", to="rds-ca-2019"), put("caCertIdentifier", to=["x"])),
        zero="",
    ),
)
