"""What Airflow lets its operators decide, by the names that it looks up in this module.

Airflow imports it from its configuration folder in every process, tasks included. There is nothing
in here but names: the code stands in the modules beside it.
"""

from metadata_engine import create_async_metadata_engine, create_metadata_engine
from task_identity import pod_mutation_hook
from workflow_rules import dag_policy, task_instance_mutation_hook, task_policy

__all__ = [
    "create_async_metadata_engine",
    "create_metadata_engine",
    "dag_policy",
    "pod_mutation_hook",
    "task_instance_mutation_hook",
    "task_policy",
]
