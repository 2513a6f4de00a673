"""What all parts of a stack share: its settings, budget, account and cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import Output, ProviderResource, ResourceOptions

from stacks.budget import Budget, connection_budget
from stacks.lookups import Cluster, existing_cluster, subnet_ranges

if TYPE_CHECKING:
    from stacks.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where the parts of a stack are put."""

    settings: Settings
    stack: str
    budget: Budget
    aws: aws.Provider
    """The account and region; a login to any other account is refused."""
    cluster: Cluster
    database_cidrs: Sequence[Output[str]]
    """The address ranges of the databases' subnets."""

    @property
    def prefix(self) -> str:
        """First words of all physical names that are no environment's."""
        return f"airflow-{self.stack}"

    @property
    def clients(self) -> Mapping[str, Output[str]]:
        """Security groups that may connect to the databases."""
        return {"cluster": self.cluster.security_group_id}

    def options(self, *providers: ProviderResource) -> ResourceOptions:
        """Options of a component: its AWS resources go here, others to these `providers`."""
        return ResourceOptions(providers=[self.aws, *providers])


def survey(settings: Settings, stack: str) -> Site:
    """Compute the budget, connect to the account of `settings`, and look up what exists there.

    Raises:
        SettingsError: more connections are promised than an instance has; before anything else.
    """
    budget = connection_budget(settings)
    provider = aws.Provider(
        "aws",
        region=settings.region,
        allowed_account_ids=[settings.account],
        default_tags=aws.ProviderDefaultTagsArgs(
            tags={"project": "airflow-postgres", "stack": stack}
        ),
    )
    return Site(
        settings=settings,
        stack=stack,
        budget=budget,
        aws=provider,
        cluster=existing_cluster(settings.cluster, provider),
        database_cidrs=subnet_ranges(settings.database_subnets, provider),
    )
