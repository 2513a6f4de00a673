"""What an environment's Airflow is made of, and which of it is refused at once.

Checked here is what Kubernetes or Airflow would refuse, or silently ignore, in every environment;
what an environment has to look like is decided by the settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input, Resource

from components import naming
from components.airflow.identity import ComponentIdentity
from components.airflow.names import API_SERVER, COMPONENTS, MIGRATION_IDENTITY

WORKFLOWS_FILE = "workflows.json"
"""In Airflow's configuration folder: which workflows there are, for the code that runs there."""
KEYS = ("fernet", "jwt", "api")
"""Airflow's own keys: for stored connections, for the tokens of tasks and people, for sessions."""
HTTPS_PORT = 443
API_SERVER_PORT = 8080
CONFIG_MAP_BYTES = 1024 * 1024
"""The most that Kubernetes keeps in one ConfigMap."""
_FILE_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True, kw_only=True)
class ComponentSize:
    """How large one of Airflow's components is, and how many connections it may hold."""

    replicas: int
    workers: int
    """Processes of a pod that hold a pool of their own; only the API server can have several."""
    pool_size: int
    """Connections to the metadata database that a process keeps open."""
    max_overflow: int
    """Connections that it may open beyond those for a moment."""


@dataclass(frozen=True, kw_only=True)
class WorkflowTasks:
    """What a workflow's tasks run as, and how many of them at once."""

    name: str
    slots: int
    iam_role_arn: Input[str]


@dataclass(frozen=True, kw_only=True)
class GitBundle:
    """Where DAG files come from."""

    repository: str
    """URL that can be read without a credential."""
    ref: str
    """Branch, tag or commit."""
    folder: str
    """Folder in the repository, with one folder for each workflow."""


@dataclass(frozen=True, kw_only=True)
class NetworkPaths:
    """Where pods may connect to, and who may connect to the API server; everything else is shut.

    Raises:
        ValueError: two things that must be kept apart have the same port.
    """

    database_cidrs: Sequence[Input[str]]
    """The databases' subnets; the port says which of the two instances it is."""
    metadata_port: int
    application_ports: Sequence[int]
    """Where workflows connect to: the instance's, the proxy's if there is one, or both."""
    aws_api_cidrs: Sequence[str]
    """Where AWS's APIs answer: Secrets Manager and STS may have endpoints in the VPC, S3 answers
    at public addresses even behind a gateway endpoint."""
    git_cidrs: Sequence[str]
    git_port: int
    kubernetes_api_cidrs: Sequence[str]
    """Both the address of the Service `kubernetes` and those of the control plane behind it:
    network plugins differ in which of the two they see."""
    web_cidrs: Sequence[str]
    """Who may open the web interface, such as the subnets of a load balancer."""

    def __post_init__(self) -> None:
        taken = {
            **dict.fromkeys(self.application_ports, "the application instance"),
            self.git_port: "the git server",
            HTTPS_PORT: "AWS's APIs",
        }
        if self.metadata_port in taken:
            raise ValueError(
                f"metadata_port is {self.metadata_port}, also the port of "
                f"{taken[self.metadata_port]}, which tasks may reach; give the metadata instance a "
                "port of its own"
            )


@dataclass(frozen=True, kw_only=True)
class AirflowDeploymentArgs:
    """One environment's Airflow.

    Raises:
        ValueError: something is missing or left over, or Kubernetes or Airflow would not take it.
    """

    environment: str
    namespace: str
    image: str
    """Image of Airflow and its providers, by digest where it matters what runs."""
    auth_manager: str
    """Class that lets people in."""
    region: str
    identities: Mapping[str, ComponentIdentity]
    """Of the four components and of `migration`."""
    sizes: Mapping[str, ComponentSize]
    """Of the four components."""
    metadata_host: Input[str]
    metadata_port: Input[int]
    metadata_database: str
    connection_recycle_seconds: int
    """How old a connection to the metadata database becomes before it is replaced."""
    ca_certificates: str
    """The CA certificates of the databases, as PEM text."""
    home: Mapping[str, str]
    """Files of Airflow's configuration folder: name to text."""
    key_secrets: Mapping[str, Input[str]]
    """Names of the secrets that hold Airflow's keys: `fernet`, `jwt` and `api`."""
    task_logs: Input[str]
    """Where the logs of tasks are kept, as an `s3://` URL."""
    dags: GitBundle
    workflows: Sequence[WorkflowTasks]
    network: NetworkPaths
    executor_kubeconfig: bool
    """Whether the executor reads a kubeconfig beside the service account's token, for clusters
    whose API server is not where that token's users expect it."""
    after: Sequence[Resource] = ()
    """What has to be there before anything runs: rights in the database, values of the keys."""

    def __post_init__(self) -> None:
        _require_exactly("identities", self.identities, {*COMPONENTS, MIGRATION_IDENTITY})
        _require_exactly("sizes", self.sizes, COMPONENTS)
        _require_exactly("key_secrets", self.key_secrets, KEYS)
        for component, size in self.sizes.items():
            if component != API_SERVER and size.workers != 1:
                raise ValueError(
                    f"workers of {component!r} is {size.workers}; only {API_SERVER!r} has workers; "
                    "set 1, and raise replicas instead"
                )
        names = [workflow.name for workflow in self.workflows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"workflows names {twice[0]!r} twice; a name is used once; remove one")
        self._check_home()

    @property
    def slots(self) -> int:
        """How many tasks may run at once: as many as the workflows' pools have slots."""
        return sum(workflow.slots for workflow in self.workflows)

    @property
    def home_files(self) -> Mapping[str, str]:
        """The files of Airflow's configuration folder, with the list of workflows."""
        workflows = {
            workflow.name: {
                "service_account": naming.service_account(workflow.name),
                "pool": workflow.name,
                "slots": workflow.slots,
            }
            for workflow in self.workflows
        }
        return {**self.home, WORKFLOWS_FILE: json.dumps(workflows, indent=2, sort_keys=True) + "\n"}

    def _check_home(self) -> None:
        if WORKFLOWS_FILE in self.home:
            raise ValueError(f"home has {WORKFLOWS_FILE!r}, which is written here; leave it out")
        for name in self.home:
            if _FILE_NAME.fullmatch(name) is None:
                raise ValueError(
                    f"home has {name!r}; a ConfigMap holds files without folders, named with "
                    "letters, digits, '-', '_' and '.'; rename it"
                )
        size = sum(len(text.encode()) for text in self.home_files.values())
        if size >= CONFIG_MAP_BYTES:
            raise ValueError(
                f"home has {size} bytes; a ConfigMap holds {CONFIG_MAP_BYTES}; put less into it"
            )


def _require_exactly(field: str, given: Collection[str], wanted: Collection[str]) -> None:
    if set(given) != set(wanted):
        raise ValueError(f"{field} has {sorted(given)}; needed are exactly {sorted(wanted)}")
