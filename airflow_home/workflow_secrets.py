"""Where tasks find their connections: in Secrets Manager, each with its own workflow's IAM role.

Airflow takes a secret that cannot be read for one that does not exist, asks elsewhere, and says
that the connection is not defined. Here it ends with who lacks what on which secret. Connections
that are no workflow's, and variables, are not looked for in Secrets Manager at all: no role of a
workflow may read anything there but its own connection.
"""

from __future__ import annotations

import os
from typing import Any

import workflows
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from botocore.exceptions import BotoCoreError, ClientError

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class WorkflowSecretsBackend(SecretsManagerBackend):  # type: ignore[misc]  # Airflow is not installed where types are checked
    """Secrets Manager, as the amazon provider reads it, for the connections of workflows.

    Args:
        connections_prefix: what their secrets' names begin with; the rest is the connection's id.
        more: as the amazon provider has it.
    """

    def __init__(self, connections_prefix: str, **more: Any) -> None:  # noqa: ANN401 - the provider's own
        super().__init__(
            connections_prefix=connections_prefix,
            variables_prefix=None,
            config_prefix=None,
            **more,
        )

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Return the connection of a workflow as its secret has it; None if it is no workflow's.

        Raises:
            AirflowSecretsBackendAccessDenied: it cannot be read, and why. Of all that a backend
                may raise, this is what Airflow lets a task see.
            WorkflowsError: the list of workflows is missing or broken.
        """
        if conn_id not in workflows.declared():
            return None
        try:
            value: str | None = super().get_conn_value(conn_id, team_name)
        except ClientError as error:
            raise AirflowSecretsBackendAccessDenied(self._sentence(conn_id, error)) from None
        except BotoCoreError as error:
            raise AirflowSecretsBackendAccessDenied(
                f"Connection {conn_id!r} could not be read from secret {self._secret(conn_id)}, as "
                f"AWS was not reached: {error}"
            ) from None
        if value is None:
            raise AirflowSecretsBackendAccessDenied(
                f"Connection {conn_id!r} has no value in secret {self._secret(conn_id)}: deploy "
                "the environment again."
            )
        return value

    def _sentence(self, conn_id: str, error: ClientError) -> str:
        said = error.response["Error"]
        role = os.environ.get("AWS_ROLE_ARN", "of this task").rpartition("/")[2]
        if said["Code"] not in _DENIED:
            return (
                f"Connection {conn_id!r} could not be read from secret {self._secret(conn_id)}: "
                f"{said['Code']}: {said['Message']}"
            )
        return (
            f"Role {role} lacks secretsmanager:GetSecretValue on secret {self._secret(conn_id)}, "
            f"so this task has no connection {conn_id!r}: a task has the connection of its own "
            f"workflow alone; what {conn_id!r} lets others read is declared in the settings "
            f"(reads: [{conn_id}]). AWS says: {said['Message']}"
        )

    def _secret(self, conn_id: str) -> str:
        return f"{self.connections_prefix}{self.sep}{conn_id}"
