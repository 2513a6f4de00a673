"""Kubernetes objects become files: where they lie, what is in them, how they change and go."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest
import yaml

from local.deploy.drivers import kubernetes
from local.deploy.errors import DeployError
from local.deploy.testing import SmallProject

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import pulumi
import pulumi_kubernetes as k8s

FOLDER = "rendered"
provider = k8s.Provider(
    "here", render_yaml_to_directory=FOLDER, enable_config_map_mutable=True)
here = pulumi.ResourceOptions(provider=provider)
place = k8s.core.v1.Namespace("place", metadata={"name": "airflow-dev"}, opts=here)


def meta(name, **more):
    return {"name": name, "namespace": place.metadata.name, **more}


def deployment(app="web", image="i:1"):
    labels = {"app": app}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": image}]}}
    spec = {"selector": {"match_labels": labels}, "template": pod}
    k8s.apps.v1.Deployment("x", metadata=meta("web"), spec=spec, opts=here)


def job(command="one", limit=3):
    pod = {"spec": {"restart_policy": "Never", "containers": [{"name": "a", "args": [command]}]}}
    spec = {"backoff_limit": limit, "template": pod}
    k8s.batch.v1.Job("x", metadata=meta("run"), spec=spec, opts=here)
"""
MAP = 'k8s.core.v1.ConfigMap("x", metadata=meta("settings"), data={"a": "VALUE"}, opts=here)'
MAP_FILE = "v1-configmap-airflow-dev-settings.yaml"

# Name of the case, values before and after, sign of what the change comes to, program.
CASES = r"""
namespace-labels    a b ~  k8s.core.v1.Namespace("x", metadata={"name": "x", "labels": {"l": "VALUE"}}, opts=here)
namespace-name      a b ±  k8s.core.v1.Namespace("x", metadata={"name": "VALUE"}, opts=here)
config-map          a b ~  k8s.core.v1.ConfigMap("x", metadata=meta("x"), data={"a": "VALUE"}, opts=here)
config-map-place    a b ±  k8s.core.v1.ConfigMap("x", metadata={"name": "x", "namespace": "VALUE"}, data={"a": "b"}, opts=here)
account             a b ~  k8s.core.v1.ServiceAccount("x", metadata=meta("x", annotations={"role": "VALUE"}), automount_service_account_token=False, opts=here)
service-port        1 2 ~  k8s.core.v1.Service("x", metadata=meta("x"), spec={"ports": [{"port": VALUE}]}, opts=here)
service-address     None 10.0.0.1 ±  k8s.core.v1.Service("x", metadata=meta("x"), spec={"cluster_ip": "VALUE"}, opts=here)
deployment-image    i:1 i:2 ~  deployment(image="VALUE")
deployment-selector web api ±  deployment(app="VALUE")
job-limit           1 2 ~  job(limit=VALUE)
job-command         a b ±  job(command="VALUE")
budget              1 2 ~  k8s.policy.v1.PodDisruptionBudget("x", metadata=meta("x"), spec={"max_unavailable": VALUE}, opts=here)
network-policy      1 2 ~  k8s.networking.v1.NetworkPolicy("x", metadata=meta("x"), spec={"pod_selector": {}, "ingress": [{"ports": [{"port": VALUE}]}]}, opts=here)
role                get list ~  k8s.rbac.v1.Role("x", metadata=meta("x"), rules=[{"api_groups": [""], "resources": ["pods"], "verbs": ["VALUE"]}], opts=here)
binding-subject     a b ~  k8s.rbac.v1.RoleBinding("x", metadata=meta("x"), role_ref={"api_group": "g", "kind": "Role", "name": "r"}, subjects=[{"kind": "ServiceAccount", "name": "VALUE"}], opts=here)
binding-role        a b ±  k8s.rbac.v1.RoleBinding("x", metadata=meta("x"), role_ref={"api_group": "g", "kind": "Role", "name": "VALUE"}, opts=here)
"""  # noqa: E501 - a table


def _cases() -> list[object]:
    lines = [line.split(None, 4) for line in CASES.strip().splitlines()]
    return [pytest.param(*rest, id=name) for name, *rest in lines]


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path / "project")


def _bring_up(project: SmallProject, text: str = "", head: str = HEAD) -> list[tuple[str, str]]:
    """Carry a program out, see that doing it again does nothing, tell what became of `x`."""
    project.program(text + "\n", head=head)
    result = project.up()
    assert result.ok, result.messages
    done = project.done()
    assert project.up().events == ()
    return [one for one in done if one[1] == "x"]


def _files(project: SmallProject, folder: str = "rendered") -> set[str]:
    return {str(file.relative_to(project.root / folder)) for file in _all(project, folder)}


def _all(project: SmallProject, folder: str) -> list[Path]:
    return [file for file in (project.root / folder).rglob("*") if file.is_file()]


@pytest.mark.parametrize(("before", "after", "sign", "text"), _cases())
def test_created_changed_and_deleted(
    project: SmallProject, before: str, after: str, sign: str, text: str
) -> None:
    assert _bring_up(project, text.replace("VALUE", before)) == [("+", "x")]
    first = {file: (project.root / "rendered" / file).read_text() for file in _files(project)}
    assert len(first) == 2
    assert _bring_up(project, text.replace("VALUE", after)) == [(sign, "x")]
    second = {file: (project.root / "rendered" / file).read_text() for file in _files(project)}
    assert len(second) == 2
    assert first != second
    assert _bring_up(project) == [("-", "x")]
    assert _files(project) == {"1-manifest/v1-namespace-default-airflow-dev.yaml"}


def test_files_are_named_and_kept_as_the_plugin_does(project: SmallProject) -> None:
    _bring_up(project, 'deployment()\nk8s.rbac.v1.Role("r", metadata=meta("r"), opts=here)')
    assert _files(project) == {
        "1-manifest/apps_v1-deployment-airflow-dev-web.yaml",
        "1-manifest/rbac.authorization.k8s.io_v1-role-airflow-dev-r.yaml",
        "1-manifest/v1-namespace-default-airflow-dev.yaml",
    }
    for file in _all(project, "rendered"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_manifest_is_the_object_in_kubernetes_words(project: SmallProject) -> None:
    _bring_up(project, "deployment()")
    text = (
        project.root / "rendered/1-manifest/apps_v1-deployment-airflow-dev-web.yaml"
    ).read_text()
    labels = {"app": "web"}
    assert yaml.safe_load(text) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "airflow-dev"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "a", "image": "i:1"}]},
            },
        },
    }
    assert "{" not in text
    assert "&id" not in text


def test_ids_and_names_reach_the_program(project: SmallProject) -> None:
    text = MAP.replace("k8s", "one = k8s") + '\npulumi.export("all", [one.id, one.metadata.name])'
    project.program(text, head=HEAD)
    # A name that is set is known before anything is done; an id is not.
    shown = project.preview().exports["all"]
    assert shown[1] == "settings"
    assert project.up().exports == {"all": ["airflow-dev/settings", "settings"]}
    project.program('pulumi.export("id", place.id)', head=HEAD)
    assert project.up().exports == {"id": "airflow-dev"}


def test_texts_are_read_back_as_they_are_by_every_reader() -> None:
    texts = ["1e3", "0o17", "1_0", "12e4", "yes", "null", "", "0x1f", ".5", "-1", "2026-01-01"]
    texts += ["a\nb\n", "a\nb", "  a\n b\n", "tab\there\n", "long " * 400, "ä ✓", "a: b", "e \nx"]
    numbered = {f"k{number:02}": one for number, one in enumerate(texts)}
    written = kubernetes.text({"data": numbered})
    assert yaml.safe_load(written) == {"data": numbered}
    # YAML 1.2 has numbers that 1.1 does not have; unquoted they would not stay texts.
    for line in re.findall(r"^  k\d\d: (.*)$", written, re.MULTILINE):
        assert not re.fullmatch(r"[-+]?[\d_.]+([eE][-+]?\d+)?|0[ox]\w+", line), line
    assert "  k11: |\n    a\n    b\n" in written


SECRET = """k8s.core.v1.ConfigMap(
    "x", metadata=meta("x"), data={"a": pulumi.Output.secret("s3cret")}, opts=here)"""
NOT_APPLIED = (
    "nothing was changed: pulumi:providers:kubernetes here: this engine renders Kubernetes objects "
    "and does not apply them to a cluster: set renderYamlToDirectory, or use ENGINE=pulumi"
)


@pytest.mark.parametrize(
    ("text", "head", "words"),
    [
        (SECRET, HEAD, "ConfigMap x: a secret would be readable in its manifest"),
        ('k8s.core.v1.ConfigMap("x", opts=here)', HEAD, r"metadata\.name is needed"),
        (MAP.replace(", opts=here", ""), HEAD, r"hand an explicit kubernetes\.Provider down"),
        (MAP, HEAD.replace("True", "False"), "set enableConfigMapMutable"),
        (MAP, HEAD.replace("render_yaml_to_directory=FOLDER, ", ""), f"^{NOT_APPLIED}$"),
    ],
    ids=["secret", "no-name", "no-provider", "immutable-maps", "cluster"],
)
def test_what_cannot_be_honoured_is_refused_before_anything_is_done(
    project: SmallProject, text: str, head: str, words: str
) -> None:
    project.program(text, head=head)
    with pytest.raises(DeployError, match=words) as refused:
        project.up()
    assert "s3cret" not in str(refused.value)
    assert not (project.root / "rendered").exists()


def test_another_folder_takes_the_manifests_along(project: SmallProject) -> None:
    _bring_up(project, MAP)
    head = HEAD.replace('"rendered"', '"other/place"')
    _bring_up(project, MAP.replace("VALUE", "new"), head)
    assert f"1-manifest/{MAP_FILE}" in _files(project, "other/place")
    assert not (project.root / "rendered").exists()
    (project.root / "rendered").mkdir()
    project.program(MAP, head=HEAD)
    assert "rendered exists already: remove it first" in project.up().messages[0]


def test_two_of_one_name_are_refused(project: SmallProject) -> None:
    project.program(MAP + "\n" + MAP.replace('"x"', '"y"'), head=HEAD)
    assert "name one differently" in project.up().messages[0]


def test_what_is_removed_by_hand_is_no_trouble(project: SmallProject) -> None:
    _bring_up(project, MAP)
    (project.root / "rendered/1-manifest" / MAP_FILE).unlink()
    assert project.destroy().ok
    assert _files(project) == set()
