"""Where things lie in Airflow's pods."""

AIRFLOW_HOME = "/opt/airflow"
CONFIG = f"{AIRFLOW_HOME}/config"
"""Airflow puts this folder on Python's path, and imports its local settings from there."""
POD_TEMPLATE = "pod_template_file.yaml"
POD_TEMPLATE_FILE = f"{AIRFLOW_HOME}/pod_templates/{POD_TEMPLATE}"
TEMPORARY = "/tmp"  # noqa: S108  a volume of the pod's own
CA_FOLDER = "/etc/rds"
CA_BUNDLE = "ca.pem"
CA_FILE = f"{CA_FOLDER}/{CA_BUNDLE}"
KEYS = "/run/airflow/keys"
"""In memory; files of each key that the pod holds."""
KUBECONFIG_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/kubeconfig"
