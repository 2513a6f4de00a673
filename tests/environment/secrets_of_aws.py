"""The secrets of databases, identities and authorities; rows of the inventory."""

from __future__ import annotations

from tests.environment.searches import FILE, TABLE, VARIABLES
from tests.environment.secret_rows import (
    ALWAYS,
    BY_PROMPT,
    KEPT_BY_AWS,
    POD,
    SOMETIMES,
    UNKNOWABLE,
    WITH_AIRFLOW,
    Belongs,
    Secret,
    in_secret,
)


def _private(name: str, where: str, on_aws: str, ends: str, seen: str = ALWAYS) -> Secret:
    return Secret(
        name=name,
        maker="this machine's account" if seen == ALWAYS else "this machine's cluster",
        on_aws=on_aws,
        readers="its owner alone: the file's mode is 0600",
        ends=ends,
        places=(Belongs(kind=FILE, where=where, reason="it is kept there alone", seen=seen),),
        seen=seen,
    )


FORMER = "verifier of a password that was replaced"
KEPT_BY_SERVER = {
    "instances/{holder}/data/pg_wal/*": "the change of the table; a file is reused after some time",
    "instances/{holder}/data/base/*/2619": "the file of the statistics",
    "{holder}/*.pg_catalog.pg_statistic": "samples of each table's columns, its catalog's too",
    "{holder}/*.pg_catalog.pg_stats": "a view of them, each column for who may read the column",
}
"""Where a server may have a verifier beside its catalog, and for a while after it was replaced."""


def _kept(holder: str) -> tuple[Belongs, ...]:
    return tuple(
        Belongs(
            kind=FILE if where.startswith("instances/") else TABLE,
            where=where.format(holder=holder),
            reason=reason,
            seen=SOMETIMES,
        )
        for where, reason in KEPT_BY_SERVER.items()
    )


def _verifier(of: str, maker: str) -> Secret:
    return Secret(
        name=f"verifier of {of}",
        maker=maker,
        on_aws="the server's catalog, its write-ahead log and its backups",
        readers="superusers, which nobody is on RDS",
        ends="with the password",
        places=(
            Belongs(kind=TABLE, where="{holder}/*.pg_catalog.pg_authid", reason="its catalog"),
            Belongs(kind=TABLE, where="{holder}/*.pg_catalog.pg_shadow", reason="a view of it"),
            Belongs(kind=FILE, where="instances/{holder}/data/global/*", reason="its table's file"),
            *_kept("{holder}"),
        ),
    )


OF_DATABASES = (
    Secret(
        name="password of the master user",
        maker="RDS",
        on_aws="Secrets Manager, encrypted with the instance's own KMS key",
        readers="the bootstrap function's role",
        ends="dead from the bootstrap on, as the master is a member of rds_iam; RDS rotates it",
        places=(KEPT_BY_AWS, in_secret("rds!db-*")),
    ),
    Secret(
        name="password of a rotated login",
        maker="the rotation function",
        on_aws="Secrets Manager, encrypted with the connections' KMS key",
        readers="the IAM role of the workflow or person, and the rotation function's",
        ends="after two rotations: the one before the current still works",
        places=(KEPT_BY_AWS, in_secret("airflow/*/logins/*"), BY_PROMPT),
    ),
    _verifier("the master's password", "RDS, which gives PostgreSQL the verifier instead"),
    _verifier("a rotated password", "the rotation function, which gives PostgreSQL nothing else"),
    Secret(
        name=FORMER,
        maker="whoever made the password",
        on_aws="the server's write-ahead log, and its files until they are written over",
        readers="superusers, which nobody is on RDS",
        ends="with the next vacuum; no password is verified by it",
        places=(
            Belongs(
                kind=FILE,
                where="instances/*/data/global/1260",
                reason="a row stays in the catalog's file for a while after it was changed",
                seen=SOMETIMES,
            ),
            *_kept("*"),
        ),
        seen=SOMETIMES,
    ),
    Secret(
        name="nonce for logins that do not exist",
        maker="PostgreSQL, when its cluster is initialized",
        on_aws="the server's control file",
        readers="RDS alone",
        ends="with the instance",
        places=(
            Belongs(
                kind=FILE, where="instances/{holder}/data/global/pg_control", reason="control file"
            ),
        ),
    ),
    Secret(
        name="IAM token for a database",
        maker="whoever holds the role's session, for one host and one user",
        on_aws="memory of the client, on its way within TLS",
        readers="whoever made it, and the endpoint",
        ends="after 15 minutes; sessions that are open stay",
        places=(BY_PROMPT,),
    ),
    Secret(
        name="key to cancel a session's statement",
        maker="PostgreSQL, for each session",
        on_aws="memory of server and client",
        readers="the session",
        ends="with the session",
        places=(),
        seen=UNKNOWABLE,
    ),
)
OF_IDENTITIES = (
    Secret(
        name="secret access key of a user",
        maker="IAM",
        on_aws="not made by the program: deployers use the roles of their organization",
        readers="the user",
        ends="with `make down`",
        places=(
            KEPT_BY_AWS,
            Belongs(kind=FILE, where=".local/credentials", reason="the shared credentials file"),
        ),
    ),
    Secret(
        name="access key id of a user",
        maker="IAM; no secret by itself, but it leads to one",
        on_aws="not made by the program",
        readers="whoever may list keys",
        ends="with the key",
        places=(
            KEPT_BY_AWS,
            Belongs(kind=FILE, where=".local/credentials", reason="the shared credentials file"),
        ),
    ),
    *(
        Secret(
            name=f"{part} of a session",
            maker="STS, when a role is assumed",
            on_aws="memory of whoever assumed the role; variables of a function's process",
            readers="the process that assumed the role",
            ends="after an hour at most",
            places=(
                Belongs(
                    kind=VARIABLES,
                    where=f"function {whose}",
                    reason="Lambda hands a function its role's session this way",
                    seen=SOMETIMES,
                ),
                *more,
            ),
        )
        for part, whose, more in (
            ("session token", "{holder}", (BY_PROMPT,)),
            ("access key id", "*", (BY_PROMPT,)),
            ("secret access key", "*", ()),
        )
    ),
    Secret(
        name="service account token for AWS",
        maker="the cluster's OIDC issuer, for one pod",
        on_aws="a projected volume of the pod, in memory",
        readers="the pod's user",
        ends="after a day; renewed when 80 % of that are over",
        places=(
            Belongs(
                kind=FILE,
                where=f"{POD}/aws-iam-token/token",
                reason="the SDK reads it there",
                seen=WITH_AIRFLOW,
            ),
        ),
        seen=WITH_AIRFLOW,
    ),
    Secret(
        name="service account token for Kubernetes",
        maker="the cluster's OIDC issuer, for a pod that uses the Kubernetes API",
        on_aws="a projected volume of the pod, in memory",
        readers="the pod's user",
        ends="after an hour; the API takes it for longer from clients that do not read it anew",
        places=(
            Belongs(
                kind=FILE,
                where=f"{POD}/kube-api-access/token",
                reason="Kubernetes' client reads it there",
                seen=WITH_AIRFLOW,
            ),
        ),
        seen=WITH_AIRFLOW,
    ),
)
OF_AUTHORITIES = (
    _private(
        "key of the cluster's OIDC issuer", ".local/account/oidc.json", "EKS", "with the cluster"
    ),
    _private(
        "key of the databases' CA", ".local/account/authority/ca-key.pem", "RDS", "with `make down`"
    ),
    _private(
        "key of a database endpoint",
        "instances/{holder}/server-key.pem",
        "RDS",
        "with the instance",
    ),
    _private("key of all sessions", ".local/account/sessions.key", "STS", "with `make down`"),
    _private(
        "key of the account's root",
        ".local/account/root.key",
        "nowhere: the root user's password",
        "with `make down`",
    ),
    _private(
        "key of the cluster's CA",
        ".local/cluster/authority/ca-key.pem",
        "EKS",
        "with the cluster",
        WITH_AIRFLOW,
    ),
    _private(
        "key of the Kubernetes API",
        ".local/cluster/api/server-key.pem",
        "EKS",
        "with the cluster",
        WITH_AIRFLOW,
    ),
    _private(
        "token of the cluster's administrator",
        ".local/cluster/admin-token",
        "IAM instead",
        "with the cluster",
        WITH_AIRFLOW,
    ),
    Secret(
        name="material of a KMS key",
        maker="KMS",
        on_aws="KMS, which never gives it out",
        readers="nobody",
        ends="KMS replaces it each year, and deletes it when its time to recover is over",
        places=(KEPT_BY_AWS,),
    ),
    Secret(
        name="passphrase of the pulumi CLI's state",
        maker="`make up ENGINE=pulumi`",
        on_aws="your state backend's secrets provider",
        readers="its owner alone: the file's mode is 0600",
        ends="with `make down`",
        places=(
            Belongs(kind=FILE, where=".local/pulumi/passphrase", reason="the CLI reads it there"),
        ),
        seen=SOMETIMES,
    ),
)
