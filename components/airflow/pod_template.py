"""The pod of a task, as the executor reads it from a file, anew for each task.

As locked down as Airflow's own pods, and with less in it: no way to the metadata database, no key
of Airflow's, no token of the Kubernetes API. Which workflow a task belongs to, and so its service
account, is decided when the pod is made, by code in Airflow's configuration folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi import Output

from components.airflow import paths
from components.airflow.configuration import task_environment
from components.airflow.deployment_args import AirflowDeploymentArgs
from components.airflow.names import CA_MAP, HOME_MAP, WORKER, labels
from components.airflow.pods import MAY_NOT_BE_MOVED, USER, pull_policy
from components.airflow.resources import TASK

CONTAINER = "base"
"""The name by which the executor finds the container that it fills in."""
GRACE_SECONDS = 60
"""For a task that is stopped: to clean up, and to hand in its log."""


def pod_template(args: AirflowDeploymentArgs) -> Output[str]:
    """The file's text: JSON, which is YAML too."""
    environment = Output.all(**task_environment(args))
    return environment.apply(lambda known: json.dumps(_pod(args.image, known), indent=2) + "\n")


def _pod(image: str, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            # Replaced by a name for each task.
            "name": "task",
            "labels": labels(WORKER),
            "annotations": MAY_NOT_BE_MOVED,
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(image, environment)],
            "volumes": [
                {"name": "home", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "config", "configMap": {"name": HOME_MAP}},
                {"name": "ca", "configMap": {"name": CA_MAP}},
            ],
        },
    }


def _container(image: str, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": pull_policy(image),
        "env": [{"name": name, "value": environment[name]} for name in sorted(environment)],
        "resources": {"requests": TASK.requests, "limits": TASK.limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "home", "mountPath": paths.AIRFLOW_HOME},
            {"name": "config", "mountPath": paths.CONFIG, "readOnly": True},
            {"name": "ca", "mountPath": paths.CA_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": paths.TEMPORARY},
        ],
    }
