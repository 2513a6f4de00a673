"""Runs under Airflow's own Python: stores DAGs and creates a run of each, as the scheduler does.

Prints the tasks of the runs as JSON: task, map index, pool, queue, whether it has an override.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from kubernetes.client import models as k8s

as_billing = {
    "pod_override": k8s.V1Pod(
        spec=k8s.V1PodSpec(containers=[], service_account_name="workflow-billing")
    )
}
larger = {
    "pod_override": k8s.V1Pod(
        spec=k8s.V1PodSpec(
            containers=[
                k8s.V1Container(
                    name="base", resources=k8s.V1ResourceRequirements(limits={"memory": "4Gi"})
                )
            ]
        )
    )
}
with DAG("marketing.sly", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
    EmptyOperator(task_id="sly", executor_config=as_billing, pool="billing", queue="billing")
    EmptyOperator(task_id="honest", executor_config=larger)
    EmptyOperator.partial(task_id="mapped", executor_config=as_billing).expand(doc=["1", "2"])
with DAG("gone", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as gone:
    EmptyOperator(task_id="gone", pool="billing")


def schedule(dag: DAG) -> list[list[Any]]:
    """Store a DAG and return the tasks of a new run."""
    with create_session() as session:
        session.merge(DagBundleModel(name="dags"))
        session.flush()
        SerializedDAG.bulk_write_to_db("dags", None, [dag], session=session)
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), "dags", session=session)
        session.flush()
        stored = SerializedDagModel.get(dag.dag_id, session=session).dag
        now = datetime.now(UTC)
        dag_run = stored.create_dagrun(
            run_id="one",
            run_after=now,
            logical_date=None,
            data_interval=None,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )
        dag_run.dag = stored
        dag_run.update_state(session=session)
        session.flush()
        return [
            [ti.task_id, ti.map_index, ti.pool, ti.queue, str(bool(ti.executor_config))]
            for ti in dag_run.get_task_instances(session=session)
        ]


print(json.dumps(schedule(dag) + schedule(gone)))
