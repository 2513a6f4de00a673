"""The pods of Airflow's own components: locked down alike, each with its own identity and keys.

They pass Pod Security `restricted`, and write nowhere but to volumes of their own. What tasks run
in is the pod template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi_kubernetes as kubernetes
from pulumi import Input, Output

from components.airflow import paths
from components.airflow.names import (
    CA_MAP,
    CONFIG_MAP,
    HOME_MAP,
    POD_TEMPLATE_MAP,
    labels,
    selector,
)
from components.airflow.resources import FETCHING_KEYS, Resources

USER = 50000
"""User and group of the official image."""
KEYS_VOLUME_SIZE = "1Mi"
MAY_BE_MOVED = {
    # Otherwise the volumes on the node's disk would keep the node; a new pod fills them again.
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "true"
}
MAY_NOT_BE_MOVED = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}
"""Annotations of pods whose work would begin anew."""
ZONE = "topology.kubernetes.io/zone"
NODE = "kubernetes.io/hostname"


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What tells the pods of one component from those of another."""

    component: str
    account: str
    image: str
    command: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, Input[str]]
    """Beside what all components share."""
    key_secrets: Mapping[str, Input[str]]
    """Airflow's keys that the pod holds, and the secrets that they are in."""
    checksums: Mapping[str, Input[str]]
    """Annotations that change when what the pod mounts changes, so that it is replaced."""
    resources: Resources
    grace_seconds: int
    """How long it may take to end."""
    kubernetes_api: bool = False
    """Whether it gets a token of the Kubernetes API."""
    launches_tasks: bool = False
    """Whether it gets the pod template of tasks."""
    spread: bool = False
    """Whether there are several, to be kept apart."""
    restart_policy: str = "Always"
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: Mapping[str, kubernetes.core.v1.ProbeArgs] = field(default_factory=dict)
    """By `startup_probe`, `readiness_probe` and `liveness_probe`."""
    lifecycle: kubernetes.core.v1.LifecycleArgs | None = None


def pod(args: PodArgs) -> kubernetes.core.v1.PodTemplateSpecArgs:
    """The template that a Deployment or a Job makes its pods from."""
    return kubernetes.core.v1.PodTemplateSpecArgs(
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            labels=labels(args.component),
            annotations={
                **args.checksums,
                **(MAY_BE_MOVED if args.restart_policy == "Always" else MAY_NOT_BE_MOVED),
            },
        ),
        spec=kubernetes.core.v1.PodSpecArgs(
            service_account_name=args.account,
            automount_service_account_token=args.kubernetes_api,
            enable_service_links=False,
            restart_policy=args.restart_policy,
            termination_grace_period_seconds=args.grace_seconds,
            # The image's own init process is bypassed by `command`. With this, the pod's takes up
            # the processes that parsing leaves behind.
            share_process_namespace=True,
            security_context=kubernetes.core.v1.PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=USER,
                run_as_group=USER,
                # May read the token of the pod's web identity.
                fs_group=USER,
                seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            init_containers=[_fetch_keys(args)] if args.key_secrets else None,
            containers=[_container(args)],
            volumes=_volumes(args),
            topology_spread_constraints=_spread(args.component) if args.spread else None,
        ),
    )


def pull_policy(image: str) -> str:
    """When a node asks the registry for `image`: a digest never changes, a tag may be pushed again.

    With a digest, a registry that is away does not stop pods. Without one, a node that kept another
    image of the same tag would run tasks of another version than their scheduler.
    """
    return "IfNotPresent" if "@sha256:" in image else "Always"


def _container(args: PodArgs) -> kubernetes.core.v1.ContainerArgs:
    return kubernetes.core.v1.ContainerArgs(
        name=args.component,
        image=args.image,
        image_pull_policy=pull_policy(args.image),
        command=list(args.command),
        args=list(args.arguments),
        env_from=[_common_settings()],
        env=[
            kubernetes.core.v1.EnvVarArgs(name=name, value=value)
            for name, value in sorted(args.environment.items())
        ],
        ports=[
            kubernetes.core.v1.ContainerPortArgs(name=name, container_port=port)
            for name, port in args.ports.items()
        ]
        or None,
        startup_probe=args.probes.get("startup_probe"),
        readiness_probe=args.probes.get("readiness_probe"),
        liveness_probe=args.probes.get("liveness_probe"),
        lifecycle=args.lifecycle,
        resources=_requirements(args.resources),
        security_context=_security_context(),
        volume_mounts=[
            *_common_mounts(),
            *([_pod_template_mount()] if args.launches_tasks else []),
            *([_mount("keys", paths.KEYS, read_only=True)] if args.key_secrets else []),
        ],
    )


def _fetch_keys(args: PodArgs) -> kubernetes.core.v1.ContainerArgs:
    """Reads the pod's keys, with the pod's own IAM role, into memory that both containers see."""
    return kubernetes.core.v1.ContainerArgs(
        name="keys",
        image=args.image,
        image_pull_policy=pull_policy(args.image),
        command=["python"],
        args=[
            f"{paths.CONFIG}/fetch_keys.py",
            "--folder",
            paths.KEYS,
            *(Output.format("{}={}", key, secret) for key, secret in args.key_secrets.items()),
        ],
        env_from=[_common_settings()],
        resources=_requirements(FETCHING_KEYS),
        security_context=_security_context(),
        volume_mounts=[*_common_mounts(), _mount("keys", paths.KEYS)],
    )


def _common_settings() -> kubernetes.core.v1.EnvFromSourceArgs:
    return kubernetes.core.v1.EnvFromSourceArgs(
        config_map_ref=kubernetes.core.v1.ConfigMapEnvSourceArgs(name=CONFIG_MAP)
    )


def _security_context() -> kubernetes.core.v1.SecurityContextArgs:
    return kubernetes.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=kubernetes.core.v1.CapabilitiesArgs(drop=["ALL"]),
        read_only_root_filesystem=True,
    )


def _requirements(resources: Resources) -> kubernetes.core.v1.ResourceRequirementsArgs:
    return kubernetes.core.v1.ResourceRequirementsArgs(
        requests=resources.requests, limits=resources.limits
    )


def _common_mounts() -> list[kubernetes.core.v1.VolumeMountArgs]:
    return [
        _mount("home", paths.AIRFLOW_HOME),
        _mount("config", paths.CONFIG, read_only=True),
        _mount("ca", paths.CA_FOLDER, read_only=True),
        _mount("tmp", paths.TEMPORARY),
    ]


def _mount(
    volume: str, path: str, *, read_only: bool | None = None
) -> kubernetes.core.v1.VolumeMountArgs:
    return kubernetes.core.v1.VolumeMountArgs(name=volume, mount_path=path, read_only=read_only)


def _pod_template_mount() -> kubernetes.core.v1.VolumeMountArgs:
    """The one file, as a subpath: that does not follow a change of the ConfigMap.

    A scheduler of the former version would start tasks of the next one otherwise, before the
    metadata database is migrated.
    """
    return kubernetes.core.v1.VolumeMountArgs(
        name="pod-template",
        mount_path=paths.POD_TEMPLATE_FILE,
        sub_path=paths.POD_TEMPLATE,
        read_only=True,
    )


def _volumes(args: PodArgs) -> list[kubernetes.core.v1.VolumeArgs]:
    config_maps = {"config": HOME_MAP, "ca": CA_MAP}
    if args.launches_tasks:
        config_maps["pod-template"] = POD_TEMPLATE_MAP
    # Their size is limited by that of the containers together.
    empty = [
        kubernetes.core.v1.VolumeArgs(
            name=name, empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs()
        )
        for name in ("home", "tmp")
    ]
    if args.key_secrets:
        in_memory = kubernetes.core.v1.EmptyDirVolumeSourceArgs(
            medium="Memory", size_limit=KEYS_VOLUME_SIZE
        )
        empty.append(kubernetes.core.v1.VolumeArgs(name="keys", empty_dir=in_memory))
    return [
        *empty,
        *(
            kubernetes.core.v1.VolumeArgs(
                name=name,
                config_map=kubernetes.core.v1.ConfigMapVolumeSourceArgs(name=config_map),
            )
            for name, config_map in config_maps.items()
        ),
    ]


def _spread(component: str) -> list[kubernetes.core.v1.TopologySpreadConstraintArgs]:
    """Apart if possible: a cluster that is full for the moment still runs them together."""
    return [
        kubernetes.core.v1.TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(component)),
            # Those of a former version are about to go.
            match_label_keys=["pod-template-hash"],
        )
        for key in (ZONE, NODE)
    ]
