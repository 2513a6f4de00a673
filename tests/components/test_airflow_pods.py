"""Airflow's own pods: what they run as, mount and may take, and that all are locked down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.airflow.deployment import ComponentSize
from tests.components.airflow_example import (
    FOUR,
    IMAGE,
    MIGRATIONS,
    airflow,
    airflow_args,
    containers,
    pods,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.record import Recording
    from tests.components.airflow_example import Pods
    from tests.conftest import Record


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


@pytest.fixture(scope="module")
def templates(recording: Recording) -> Pods:
    return pods(recording)


def test_who_runs_what(templates: Pods) -> None:
    runs = {}
    for component, pod in templates.items():
        (container,) = pod["spec"]["containers"]
        assert container["name"] == component
        account = pod["spec"]["serviceAccountName"]
        runs[component] = (account, " ".join([*container["command"], *container["args"]]))
    run = "python /opt/airflow/config/run_component.py"
    assert runs == {
        "api-server": ("airflow-api-server", "airflow api-server"),
        "scheduler": ("airflow-scheduler", f"{run} scheduler --skip-serve-logs"),
        "dag-processor": ("airflow-dag-processor", f"{run} dag-processor"),
        "triggerer": ("airflow-triggerer", f"{run} triggerer --skip-serve-logs"),
        MIGRATIONS: (
            "airflow-migrate-database-job",
            "python /opt/airflow/config/migrate_metadata.py",
        ),
    }


def test_only_where_the_executor_is_there_is_a_token_of_kubernetes(templates: Pods) -> None:
    assert {
        component: pod["spec"]["automountServiceAccountToken"]
        for component, pod in templates.items()
    } == {
        "api-server": True,
        "scheduler": True,
        "dag-processor": False,
        "triggerer": False,
        MIGRATIONS: False,
    }


def test_all_pods_are_locked_down(templates: Pods) -> None:
    for pod in templates.values():
        spec = pod["spec"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 50000,
            "runAsGroup": 50000,
            "fsGroup": 50000,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in containers(pod):
            assert container["image"] == IMAGE
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }


def test_pods_write_to_volumes_of_their_own_alone(templates: Pods) -> None:
    for component, pod in templates.items():
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        config_maps = {
            name: each["configMap"]["name"] for name, each in volumes.items() if "configMap" in each
        }
        expected = {"config": "airflow-home", "ca": "rds-ca"}
        if component == "scheduler":
            expected["pod-template"] = "airflow-pod-template"
        assert config_maps == expected
        assert all("emptyDir" in volumes[name] for name in volumes.keys() - config_maps.keys())
        for container in containers(pod):
            for mount in container["volumeMounts"]:
                assert mount.get("readOnly", False) is (
                    mount["name"] in config_maps
                    or (mount["name"], container["name"]) == ("keys", component)
                )


SCHEDULERS_TEMPLATE = {
    "name": "pod-template",
    "mountPath": "/opt/airflow/pod_templates/pod_template_file.yaml",
    "subPath": "pod_template_file.yaml",
    "readOnly": True,
}


def test_where_pods_find_things(templates: Pods) -> None:
    common = {
        "home": "/opt/airflow",
        "config": "/opt/airflow/config",
        "ca": "/etc/rds",
        "tmp": "/tmp",  # noqa: S108  a path in the pod
    }
    for component, pod in templates.items():
        (container,) = pod["spec"]["containers"]
        mounts = {each["name"]: each for each in container["volumeMounts"]}
        mounts.pop("keys", None)
        # As a subpath: a running scheduler keeps the template that it was started with.
        template = mounts.pop("pod-template", None)
        assert template == (SCHEDULERS_TEMPLATE if component == "scheduler" else None)
        assert {name: each["mountPath"] for name, each in mounts.items()} == common


def test_all_containers_have_requests_below_their_limits(templates: Pods) -> None:
    for pod in templates.values():
        for container in containers(pod):
            requests = container["resources"]["requests"]
            limits = container["resources"]["limits"]
            assert requests.keys() == limits.keys() == {"cpu", "memory", "ephemeral-storage"}
            for what, requested in requests.items():
                unit = "m" if what == "cpu" else "Mi"
                assert int(requested.removesuffix(unit)) < int(limits[what].removesuffix(unit))


def test_an_api_server_grows_with_its_workers(recorded: Record, templates: Pods) -> None:
    one = ComponentSize(replicas=1, workers=1, pool_size=6, max_overflow=7)
    small = pods(recorded(lambda: airflow(sizes={**airflow_args().sizes, "api-server": one})))

    def memory(of: Pods) -> str:
        (container,) = of["api-server"]["spec"]["containers"]
        requested: str = container["resources"]["requests"]["memory"]
        return requested

    assert (memory(small), memory(templates)) == ("512Mi", "1664Mi")


PROBE = ["python", "/opt/airflow/config/probe_health.py"]


def test_probes(templates: Pods) -> None:
    probes = {
        (component, kind): (
            probe["exec"]["command"][2],
            probe["periodSeconds"],
            probe["timeoutSeconds"],
            probe["failureThreshold"],
        )
        for component, pod in templates.items()
        for kind, probe in pod["spec"]["containers"][0].items()
        if kind.endswith("Probe") and probe["exec"]["command"][:2] == PROBE
    }
    assert probes == {
        ("api-server", "startupProbe"): ("api-server", 2, 10, 90),
        ("api-server", "readinessProbe"): ("api-server", 10, 10, 3),
        ("api-server", "livenessProbe"): ("api-server-alive", 20, 10, 6),
        **{
            (component, kind): (component, period, 5, failures)
            for component in ("scheduler", "dag-processor", "triggerer")
            for kind, period, failures in (
                ("startupProbe", 2, 90),
                ("readinessProbe", 30, 3),
                ("livenessProbe", 30, 3),
            )
        },
    }


def test_pods_get_the_time_to_end(templates: Pods) -> None:
    for component, pod in templates.items():
        assert pod["spec"]["terminationGracePeriodSeconds"] == (
            120 if component == MIGRATIONS else 60
        )
        assert pod["spec"]["shareProcessNamespace"] is True
    (api_server,) = templates["api-server"]["spec"]["containers"]
    assert api_server["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_only_what_begins_anew_without_loss_is_moved(templates: Pods) -> None:
    def moved(pod: Mapping[str, Any]) -> dict[str, str]:
        annotations = pod["metadata"]["annotations"]
        return {key: value for key, value in annotations.items() if "checksum" not in key}

    autoscaler = "cluster-autoscaler.kubernetes.io/safe-to-evict"
    assert {component: moved(pod) for component, pod in templates.items()} == {
        **{component: {autoscaler: "true"} for component in FOUR},
        MIGRATIONS: {autoscaler: "false", "karpenter.sh/do-not-disrupt": "true"},
    }
    assert {component: pod["spec"]["restartPolicy"] for component, pod in templates.items()} == {
        **dict.fromkeys(FOUR, "Always"),
        MIGRATIONS: "Never",
    }


def test_several_of_a_kind_are_kept_apart(templates: Pods) -> None:
    spread = {
        component: [
            (each["topologyKey"], each["maxSkew"], each["whenUnsatisfiable"])
            for each in pod["spec"].get("topologySpreadConstraints", ())
        ]
        for component, pod in templates.items()
    }
    assert {component for component, constraints in spread.items() if constraints} == {"api-server"}
    assert spread["api-server"] == [
        ("topology.kubernetes.io/zone", 1, "ScheduleAnyway"),
        ("kubernetes.io/hostname", 1, "ScheduleAnyway"),
    ]
    for constraint in templates["api-server"]["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"]["component"] == "api-server"


@pytest.mark.parametrize(
    ("changed", "replaced"),
    [
        ({"connection_recycle_seconds": 300}, set(FOUR)),
        ({"home": {"airflow_local_settings.py": "other\n"}}, set(FOUR)),
        ({"ca_certificates": "renewed"}, set(FOUR)),
        # Beside the pod template, those that read or write logs themselves.
        ({"task_logs": "s3://elsewhere/prod"}, {"scheduler", "api-server", "triggerer"}),
    ],
)
def test_pods_are_replaced_when_what_they_mount_changes(
    recorded: Record, templates: Pods, changed: dict[str, Any], replaced: set[str]
) -> None:
    others = pods(recorded(lambda: airflow(**changed)))
    assert {
        component for component in FOUR if others[component] != templates[component]
    } == replaced
