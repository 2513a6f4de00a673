"""The way to Kubernetes: the provider that Airflow's objects go to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi_kubernetes as kubernetes

from components.rendering import rendered

if TYPE_CHECKING:
    from stacks.site import Site

MANIFESTS = ".local/manifests"
"""Where objects are written to for a node that is this machine, relative to the project's root."""


def kubernetes_provider(site: Site) -> kubernetes.Provider:
    """Connect to the cluster, or write manifests for this machine."""
    settings = site.settings
    if settings.kubernetes == "local-node":
        return kubernetes.Provider(
            "kubernetes", render_yaml_to_directory=MANIFESTS, enable_config_map_mutable=True
        )
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig=rendered(
            kubeconfig,
            cluster=settings.cluster,
            region=settings.region,
            endpoint=site.cluster.endpoint,
            certificate_authority=site.cluster.certificate_authority,
        ),
        # Otherwise a changed ConfigMap gets another name, which nothing here refers to; that pods
        # are replaced with it is what the checksums in their annotations are for.
        enable_config_map_mutable=True,
    )


def kubeconfig(
    *, cluster: str, region: str, endpoint: str, certificate_authority: str
) -> Mapping[str, Any]:
    """A kubeconfig without a credential: whoever deploys gets a token with their own AWS login."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {
                    "server": endpoint,
                    "certificate-authority-data": certificate_authority,
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "deployer"}}],
        "current-context": cluster,
        "users": [
            {
                "name": "deployer",
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "aws",
                        "args": [
                            *("--region", region, "--output", "json"),
                            *("eks", "get-token", "--cluster-name", cluster),
                        ],
                        "interactiveMode": "Never",
                    }
                },
            }
        ],
    }
