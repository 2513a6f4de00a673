"""What Airflow's pods are told and given as files. Nothing secret is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import pulumi_kubernetes as kubernetes
from pulumi import Input, Output, Resource, ResourceOptions

from components.airflow import paths
from components.airflow.configuration import common_environment
from components.airflow.deployment_args import AirflowDeploymentArgs
from components.airflow.names import (
    CA_MAP,
    CONFIG,
    CONFIG_MAP,
    HOME_MAP,
    POD_TEMPLATE_MAP,
    labels,
)
from components.airflow.pod_template import pod_template

ConfigMaps: TypeAlias = Mapping[str, Mapping[str, Input[str]]]
"""By the name of the ConfigMap: key to text."""


def config_maps(args: AirflowDeploymentArgs) -> ConfigMaps:
    """All of them: settings, Airflow's configuration folder, the pod of tasks, CA certificates."""
    return {
        CONFIG_MAP: common_environment(args),
        HOME_MAP: args.home_files,
        POD_TEMPLATE_MAP: {paths.POD_TEMPLATE: pod_template(args)},
        CA_MAP: {paths.CA_BUNDLE: args.ca_certificates},
    }


def declare_config_maps(
    name: str, namespace: str, contents: ConfigMaps, opts: ResourceOptions
) -> list[Resource]:
    """Declare the ConfigMaps with these contents."""
    return [
        kubernetes.core.v1.ConfigMap(
            f"{name}-{config_map}",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=config_map, namespace=namespace, labels=labels(CONFIG)
            ),
            data=data,
            opts=opts,
        )
        for config_map, data in contents.items()
    ]


def checksums(contents: ConfigMaps, names: Iterable[str]) -> dict[str, Input[str]]:
    """Annotations `checksum/<ConfigMap>` for pods that use the ConfigMaps named.

    Kubernetes does not replace pods when a ConfigMap changes; it does when an annotation changes.
    """
    return {
        f"checksum/{name}": Output.json_dumps(contents[name], sort_keys=True).apply(_sha256)
        for name in names
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
