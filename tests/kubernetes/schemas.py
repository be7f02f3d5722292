"""The strict schemas of the Kubernetes versions that are supported: a field that a version does not know is refused."""

from collections.abc import Iterator

import kubernetes_validate

from tests.kubernetes.cluster import Cluster

VERSIONS = ("1.31", "1.32", "1.33", "1.34")
CUSTOM = {"monitoring.coreos.com/v1"}
"""Kinds that are no part of Kubernetes; who installs them brings their schemas."""


def refusals(cluster: Cluster, version: str) -> Iterator[str]:
    """Yield what this version of Kubernetes would not take."""
    for manifest in cluster.manifests:
        if manifest["apiVersion"] not in CUSTOM:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                yield f"{manifest['kind']} {manifest['metadata']['name']}: {error}"
