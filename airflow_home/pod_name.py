"""What Airflow calls the host that a component runs on: its pod's name, which needs no DNS."""

import os


def pod_name() -> str:
    """Return the name of this pod; Kubernetes makes it the host's."""
    return os.environ["HOSTNAME"]
