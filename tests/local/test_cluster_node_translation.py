"""What the texts of a container become here, and what they do not."""

from __future__ import annotations

import pytest

from local.cluster.translation import Translation, service_names

TRANSLATION = Translation(
    paths={"/opt/airflow": "/pod/home", "/opt/airflow/config": "/pod/config", "/tmp": "/pod/tmp"},  # noqa: S108  within a pod
    names={
        "git.landing-zone.svc.cluster.local": "127.1.2.3:8089",
        **dict.fromkeys(service_names("airflow-api-server", "airflow-local"), "127.1.2.3"),
    },
    short_names={"airflow-api-server": "127.1.2.3"},
    own="127.1.2.9",
)


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("/opt/airflow", "/pod/home"),
        ("/opt/airflow/dags", "/pod/home/dags"),
        ("/opt/airflow/config/fetch_keys.py", "/pod/config/fetch_keys.py"),
        ("cat /opt/airflow/config/x /tmp/y", "cat /pod/config/x /pod/tmp/y"),
        ('{"folder":"/tmp"}', '{"folder":"/pod/tmp"}'),
        ("file:///tmp/x", "file:///pod/tmp/x"),
        ("PATH=/bin:/tmp:/opt/airflow", "PATH=/bin:/pod/tmp:/pod/home"),
        ("/opt/airflow-other", "/opt/airflow-other"),
        ("/opt/airflows", "/opt/airflows"),
        ("/data/tmp", "/data/tmp"),
        ("s3://bucket/tmp", "s3://bucket/tmp"),
        ("0.0.0.0", "127.1.2.9"),  # noqa: S104  nothing listens
        ("--bind=0.0.0.0:8080", "--bind=127.1.2.9:8080"),
        ("http://localhost:8974/health", "http://127.1.2.9:8974/health"),
        ("127.0.0.1", "127.1.2.9"),
        ("127.0.0.10", "127.0.0.10"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0.example.com", "0.0.0.0.example.com"),
        ("http://airflow-api-server:8080/execution/", "http://127.1.2.3:8080/execution/"),
        ("http://airflow-api-server/", "http://127.1.2.3/"),
        ("airflow-api-server", "127.1.2.3"),
        ("user@airflow-api-server", "user@127.1.2.3"),
        ("airflow-api-server.airflow-local:8080", "127.1.2.3:8080"),
        ("http://airflow-api-server.airflow-local.svc.cluster.local.:80", "http://127.1.2.3:80"),
        ("http://airflow-api-server.other:8080", "http://airflow-api-server.other:8080"),
        ("role/airflow-api-server", "role/airflow-api-server"),
        ("airflow-api-server-7b", "airflow-api-server-7b"),
        ("http://git.landing-zone.svc.cluster.local/dags.git", "http://127.1.2.3:8089/dags.git"),
        ("http://git.landing-zone.svc.cluster.local:80/x", "http://127.1.2.3:8089/x"),
        ("my-git.landing-zone.svc.cluster.local", "my-git.landing-zone.svc.cluster.local"),
    ],
)
def test_a_text_means_the_same_here(text: str, here: str) -> None:
    assert TRANSLATION.text(text) == here
