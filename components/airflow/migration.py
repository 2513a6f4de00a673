"""The job that migrates the metadata database and sets up the workflows' pools.

A job cannot be changed, so its name says what it runs: when that changes it is another job, and the
former one is gone. Airflow's components of the former version run on until they are replaced, right
after it.
"""

from __future__ import annotations

import hashlib
import json

import pulumi_kubernetes as kubernetes
from pulumi import CustomTimeouts, Resource, ResourceOptions

from components.airflow import paths
from components.airflow.configuration import database_environment
from components.airflow.deployment_args import AirflowDeploymentArgs
from components.airflow.names import (
    MIGRATION_ACCOUNT,
    MIGRATION_IDENTITY,
    MIGRATIONS,
    labels,
    object_name,
)
from components.airflow.pods import PodArgs, pod
from components.airflow.resources import MIGRATION

COMMAND = ("python", f"{paths.CONFIG}/migrate_metadata.py")
RETRIES = 5
"""Within some ten minutes: a role that was made just now is not known everywhere in IAM yet."""
GRACE_SECONDS = 120
"""Better waited for than killed between two statements."""
LONGEST = "60m"
"""A migration of a large database takes its time; nothing ends it before it is through."""


def declare_migration(name: str, args: AirflowDeploymentArgs, opts: ResourceOptions) -> Resource:
    """Declare the job; it is done when it has succeeded."""
    job = f"{object_name(MIGRATIONS)}-{_digest(args)}"
    program, *arguments = COMMAND
    return kubernetes.batch.v1.Job(
        f"{name}-{MIGRATIONS}",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=job, namespace=args.namespace, labels=labels(MIGRATIONS)
        ),
        spec=kubernetes.batch.v1.JobSpecArgs(
            backoff_limit=RETRIES,
            template=pod(
                PodArgs(
                    component=MIGRATIONS,
                    account=MIGRATION_ACCOUNT,
                    image=args.image,
                    command=[program],
                    arguments=arguments,
                    environment=database_environment(args, args.identities[MIGRATION_IDENTITY]),
                    key_secrets={},
                    checksums={},
                    resources=MIGRATION,
                    grace_seconds=GRACE_SECONDS,
                    # A new pod for each try, so that the logs of the former ones stay.
                    restart_policy="Never",
                )
            ),
        ),
        opts=ResourceOptions.merge(
            opts, ResourceOptions(custom_timeouts=CustomTimeouts(create=LONGEST, update=LONGEST))
        ),
    )


def _digest(args: AirflowDeploymentArgs) -> str:
    runs = [args.image, args.auth_manager, *COMMAND, args.home_files]
    return hashlib.sha256(json.dumps(runs, sort_keys=True).encode()).hexdigest()[:8]
