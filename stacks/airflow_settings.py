"""What the settings say of Airflow itself: sizes, image, where DAGs come from, whom pods reach.

Whether the values make sense together is decided in `stacks.airflow_checks`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stacks.fields import Cidr, ClassPath, GitRef, Image, Model, RelativePath, RepositoryUrl
from stacks.sizes import AirflowComponent

Kubernetes = Literal["cluster", "local-node"]

Cidrs = Annotated[tuple[Cidr, ...], Field(min_length=1)]


class Networks(Model):
    """The address ranges that pods may open connections to, and may be reached from."""

    aws_apis: Cidrs = Field(
        description="Where AWS's APIs answer, on port 443 (STS, Secrets Manager, S3): the "
        "subnets of the VPC's interface endpoints, or 0.0.0.0/0 where there are none."
    )
    git: Cidrs = Field(description="Where the repository of the DAGs answers.")
    kubernetes_api: Cidrs = Field(
        description="Where the cluster's API answers, on port 443: the address of the Service "
        "kubernetes, and the subnets of the control plane's network interfaces."
    )
    web: Cidrs = Field(
        description="Who may reach Airflow's web interface: the subnets of the load balancer or "
        "of the people's network."
    )


class Dags(Model):
    """Where the DAG files come from: a git repository, at one version of it."""

    repository: RepositoryUrl = Field(description="URL of the git repository, without a user.")
    ref: GitRef = Field(
        description="What is run of it: a commit of 40 digits, or a tag that is a version such as "
        "v1.2.0. A branch only where kubernetes is local-node."
    )
    folder: RelativePath = Field(
        description="The folder in the repository that holds one folder for each workflow."
    )


class Airflow(Model):
    """Airflow; the same in every environment of the stack."""

    image: Image = Field(
        description="The container image, with Airflow 3.3 or later and its providers. With a "
        "digest it is always the same one; a tag alone may be moved by others."
    )
    auth_manager: ClassPath = Field(
        description="The class that decides who may log in to the web interface. "
        "SimpleAuthManager, which is for development, is refused where metadata.protected is true."
    )
    connection_recycle_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        description="How old a connection to the metadata database becomes before it is replaced, "
        "in seconds."
    )
    dags: Dags = Field(description="Where the DAG files come from.")
    api_server: AirflowComponent = Field(
        description="The API server, which serves people and tasks."
    )
    scheduler: AirflowComponent = Field(description="The scheduler.")
    dag_processor: AirflowComponent = Field(description="The DAG processor.")
    triggerer: AirflowComponent = Field(description="The triggerer.")
