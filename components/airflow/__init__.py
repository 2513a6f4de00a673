"""One environment's Airflow: what it runs on in Kubernetes, and its ways to AWS and PostgreSQL."""
