"""The settings of a stack: the keys of Pulumi.<stack>.yaml, parsed once into a frozen object.

Nothing else in the project reads configuration. Settings describe one environment or several; they
say nothing of how a resource is made from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from components import naming
from stacks import checks, sentences
from stacks.airflow_settings import Airflow, Dags, Kubernetes, Networks
from stacks.configuration import parsed, running_configuration
from stacks.declarations import Agent, LongestAccess, Person, Workflow
from stacks.errors import SettingsError
from stacks.fields import (
    AccountId,
    ClusterName,
    LogRetentionDays,
    Model,
    Name,
    Principal,
    Region,
    RelativePath,
    SubnetId,
    TopicArn,
)
from stacks.sizes import AirflowComponent, Instance
from stacks.stack_file import stack_configuration
from stacks.waivers import Waiver

__all__ = [
    "Agent",
    "Airflow",
    "AirflowComponent",
    "Dags",
    "Instance",
    "LongestAccess",
    "Networks",
    "Person",
    "Settings",
    "SettingsError",
    "Workflow",
    "from_pulumi",
    "load_stack_file",
    "stack_configuration",
]


class Settings(Model):
    """Everything that differs between stacks."""

    account: AccountId = Field(
        description="The AWS account that the stack belongs to, as text. "
        "Nothing is deployed anywhere else."
    )
    region: Region = Field(description="The AWS region of all resources.")
    environments: tuple[Name, ...] = Field(
        min_length=1,
        description="The environments in this stack. Each has its own schemas, logins and metadata "
        "database, and an Airflow of its own in the namespace airflow-<environment>.",
    )
    cluster: ClusterName = Field(
        description="The existing EKS cluster. Its VPC, OIDC issuer and security group are looked "
        "up from it."
    )
    kubernetes: Kubernetes = Field(
        description="cluster: Kubernetes objects are created in the EKS cluster. "
        "local-node: they are written as manifests, which this machine runs as processes."
    )
    networks: Networks = Field(
        description="The address ranges that Airflow's pods may reach and be reached from; all "
        "others are shut."
    )
    database_subnets: tuple[SubnetId, ...] = Field(
        min_length=2,
        description="Existing private subnets for the databases, in at least two zones of the "
        "cluster's VPC.",
    )
    ca_bundle: RelativePath = Field(
        description="PEM file with the CA certificates of RDS in this region, relative to the "
        "project's root. All clients verify the databases with it."
    )
    deployers: tuple[Principal, ...] = Field(
        min_length=1,
        description="IAM roles and users, in this account, that may assume the provisioner's role: "
        "who deploys.",
    )
    break_glass: tuple[Principal, ...] = Field(
        min_length=1,
        description="IAM roles and users, in this account, that may log in as the master user "
        "in an emergency.",
    )
    alarm_topic: TopicArn = Field(
        description="The existing SNS topic, in this account and region, that alarms and database "
        "events go to."
    )
    log_retention_days: LogRetentionDays = Field(
        description="Days that logs are kept in CloudWatch."
    )
    metadata: Instance = Field(description="The instance that holds Airflow's own metadata.")
    application: Instance = Field(
        description="The instance that holds what workflows read and write."
    )
    connection_proxy: bool = Field(
        description="true: RDS Proxy in front of the application instance."
    )
    airflow: Airflow = Field(
        description="Airflow: image, DAGs and the sizes of its components, in each environment."
    )
    workflows: tuple[Workflow, ...] = Field(
        description="The workflows; [] for none yet. Airflow runs no DAG that belongs to none."
    )
    people: tuple[Person, ...] = Field(
        description="People who read the data with their own identity until a day; [] for none."
    )
    agents: tuple[Agent, ...] = Field(
        description="AI agents that read the data until a day; [] for none."
    )
    longest_access_days: LongestAccess = Field(
        default=LongestAccess(),
        description="How many days ahead people's and agents' access may expire.",
    )
    waivers: tuple[Waiver, ...] = Field(
        default=(),
        description="Rules of `make policy` that single resources may break for a time. "
        "Absent: none.",
    )

    @property
    def workflow_logins(self) -> tuple[str, ...]:
        """The PostgreSQL logins of all workflows that use IAM, in all environments."""
        return tuple(
            naming.login_name(environment, workflow.name)
            for environment in self.environments
            for workflow in self.workflows
            if workflow.interval_days is None
        )

    @classmethod
    def load(cls, config: Mapping[str, object], today: date) -> Settings:
        """Parse `config`, key (without namespace) to parsed value, as of the day `today` (UTC).

        Raises:
            SettingsError: one sentence for each problem.
        """
        try:
            # Through JSON, as there a list may become a tuple and a text a date although the types
            # are strict.
            settings = cls.model_validate_json(json.dumps(dict(config), default=str))
        except ValidationError as error:
            schema = cls.model_json_schema()
            raise SettingsError(*sentences.problems(error, schema, config)) from None
        problems = tuple(checks.problems(settings, today))
        if problems:
            raise SettingsError(*problems)
        return settings


def from_pulumi(today: date | None = None) -> Settings:
    """The settings of the running Pulumi program, as of `today` (absent: this day in UTC).

    Raises:
        SettingsError: one sentence for each problem.
    """
    return _load(running_configuration(), today)


def load_stack_file(root: Path, stack: str, today: date | None = None) -> Settings:
    """The settings in Pulumi.<stack>.yaml of the project at `root`, read without Pulumi.

    Raises:
        SettingsError: one sentence for each problem.
    """
    return _load(stack_configuration(root, stack), today)


def _load(config: Mapping[str, object], today: date | None) -> Settings:
    fields = Settings.model_fields.values()
    texts = {field.alias for field in fields if field.alias and field.annotation is str}
    return Settings.load(parsed(config, texts), today or datetime.now(UTC).date())
