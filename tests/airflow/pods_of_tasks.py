"""Runs under Airflow's own Python: makes pods as the executor does, and prints what became of each.

Cases come in as JSON from standard input: a dag_id, its file, and Python text of an
`executor_config`'s pod_override. This is not the scheduler: the executor's class is not used, its
pod generator is.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow.configuration import conf
from airflow.providers.cncf.kubernetes.exceptions import PodMutationHookException
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import models as k8s

COMMAND = ["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string"]


def _made(case: dict[str, Any]) -> dict[str, Any]:
    workload = {"dag_rel_path": case["file"], "ti": {"dag_id": case["dag_id"]}, "token": "a-token"}
    override = eval(case["override"], {"k8s": k8s})  # noqa: S307 - cases are the tests' own
    try:
        pod = PodGenerator.construct_pod(
            dag_id=case["dag_id"],
            task_id="a-task",
            pod_id="a-pod",
            try_number=1,
            kube_image=None,
            date=None,
            args=[*COMMAND, json.dumps(workload)],
            pod_override_object=override,
            base_worker_pod=PodGenerator.deserialize_model_file(
                conf.get("kubernetes_executor", "pod_template_file")
            ),
            namespace="airflow-test",
            scheduler_job_id="7",
            run_id="a-run",
            map_index=3,
            with_mutation_hook=True,
        )
    except PodMutationHookException as error:
        return {"refused": f"{type(error.__cause__).__name__}: {error.__cause__}"}
    return dict(PodGenerator.serialize_pod(pod))


print(json.dumps([_made(case) for case in json.load(sys.stdin)]))
