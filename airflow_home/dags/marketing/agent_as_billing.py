"""What an agent wrote to run as billing. Airflow refuses it when it reads this file.

The sentence stands in the web UI, under import errors, and there is no DAG of this file.
"""

from datetime import UTC, datetime

from airflow.sdk import dag, task
from kubernetes.client import models as k8s

AS_BILLING = {
    "pod_override": k8s.V1Pod(
        spec=k8s.V1PodSpec(containers=[], service_account_name="workflow-billing")
    )
}


@dag("marketing.agent-as-billing", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))
def agent_as_billing() -> None:
    """Ask to run as another workflow."""

    @task(executor_config=AS_BILLING)
    def read_invoices() -> None:
        """Never runs."""

    read_invoices()


agent_as_billing()
