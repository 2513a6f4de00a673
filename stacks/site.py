"""What all parts of a stack share: its settings, budget, account and cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import Output, ProviderResource, ResourceOptions

from components import iam_documents
from stacks.budget import Budget, connection_budget
from stacks.errors import SettingsError
from stacks.fields import NAME
from stacks.lookups import Cluster, existing_cluster, subnet_ranges
from stacks.sentences import key, shown

if TYPE_CHECKING:
    from stacks.settings import Settings

LONGEST_STACK = 35
"""What is made of it and ends in a hash then fits into the shortest limit, of IAM roles."""
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


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
    ca_certificates: str
    """The CA certificates of RDS, PEM."""

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
        SettingsError: before anything else: more connections are promised than an instance has,
            more logins than RDS Proxy can be allowed, the CA bundle cannot be used, or nothing
            can be named after the stack.
    """
    if len(stack) > LONGEST_STACK or not re.fullmatch(NAME, stack):
        raise SettingsError(
            f"The stack is named {shown(stack)}; its name must be lower-case letters and digits, "
            "starting with a letter, with single dashes between words, at most "
            f"{LONGEST_STACK} characters, as all names of AWS contain it; "
            "rename Pulumi.<stack>.yaml."
        )
    budget = connection_budget(settings)
    _require_room_for_logins(settings)
    ca_certificates = _ca_certificates(settings.ca_bundle)
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
        ca_certificates=ca_certificates,
    )


def _require_room_for_logins(settings: Settings) -> None:
    """The role of RDS Proxy has to name each login that may pass."""
    logins = settings.workflow_logins
    size = iam_documents.connect_characters(
        region=settings.region, account=settings.account, db_users=logins
    )
    if settings.connection_proxy and size > iam_documents.INLINE_POLICY_CHARACTERS:
        raise SettingsError(
            f"{key('connectionProxy')} is true, with {len(logins)} logins of workflows, whose "
            f"policy has {size} characters; IAM allows {iam_documents.INLINE_POLICY_CHARACTERS} "
            "for a role; set it to false, or move workflows to another stack."
        )


def _ca_certificates(ca_bundle: str) -> str:
    """The text of the CA bundle; in a preview without one, words in its place."""
    where = f"{key('caBundle')} is {shown(ca_bundle)}"
    allowed = "it must be the CA certificates of RDS, which all pods verify the databases with"
    remedy = "fetch it with `make certificates`"
    try:
        text = Path(ca_bundle).read_text("utf-8")
    except FileNotFoundError:
        if pulumi.runtime.is_dry_run():
            return f"(the text of {ca_bundle}, which is not there yet)\n"
        raise SettingsError(f"{where}, which does not exist; {allowed}; {remedy}.") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{where}, which cannot be read; {allowed}; {remedy}.") from None
    if not _PEM.search(text):
        raise SettingsError(f"{where}, which holds no certificate; {allowed}; {remedy}.")
    return text
