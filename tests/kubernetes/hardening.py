"""What a pod may not be given: each rule yields a sentence for everything that breaks it."""

import re
import tomllib
from collections.abc import Iterator

from tests.kubernetes.cluster import Cluster
from tests.shape.source import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
USER = 1001
"""The user of the image."""

RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def no_pod_has_a_token(cluster: Cluster) -> Iterator[str]:
    """Pods do not talk to Kubernetes, so they get nothing to do it with."""
    for pod in cluster.pods():
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.owner}: a token is mounted"
    for account in cluster.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{account['metadata']['name']}: a token is mounted by default"


def every_pod_is_restricted(cluster: Cluster) -> Iterator[str]:
    """The restricted pod security standard, and a root file system that cannot be written."""
    for pod in cluster.pods():
        context = pod.spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{pod.owner}: may run as root or make every system call"
        if pod.is_ours and (context.get("runAsUser"), context.get("runAsGroup")) != (USER, USER):
            yield f"{pod.owner}: is not user {USER}"
        if pod.container.get("securityContext") != RESTRICTED:
            yield f"{pod.owner}: its container has {pod.container.get('securityContext')}"
    for namespace in cluster.of("Namespace"):
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{namespace['metadata']['name']}: admits pods that are not restricted"


def everything_has_a_limit(cluster: Cluster) -> Iterator[str]:
    """CPU, memory and what may be written are bounded, and the scheduler knows what is needed."""
    for pod in cluster.pods():
        for bound in ("requests", "limits"):
            missing = {"cpu", "memory"} - pod.container.get("resources", {}).get(bound, {}).keys()
            if missing:
                yield f"{pod.owner}: {bound} lack {sorted(missing)}"
        for volume in pod.spec.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{pod.owner}: {volume['name']} may fill the node's disk"


def every_image_is_a_release(cluster: Cluster) -> Iterator[str]:
    """A tag that says which version, and for our own image this one; nothing else may be run by a restart."""
    for pod in cluster.pods():
        _, _, tag = pod.container["image"].rpartition("/")[2].partition(":")
        if pod.is_ours and tag != VERSION:
            yield f"{pod.owner}: runs {tag or 'latest'}, this is {VERSION}"
        if not re.match(r"\d", tag):
            yield f"{pod.owner}: {pod.container['image']} may be anything"


RULES = (no_pod_has_a_token, every_pod_is_restricted, everything_has_a_limit, every_image_is_a_release)
