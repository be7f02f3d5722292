"""Both overlays, and production with everything switched on, keep every rule and fit every supported Kubernetes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kubernetes import agreement, hardening, wiring
from tests.kubernetes.cluster import K8S, OVERLAYS, Cluster, cluster, overlay
from tests.kubernetes.schemas import VERSIONS, refusals

Rule = Callable[[Cluster], Iterator[str]]
RULES: tuple[Rule, ...] = (*hardening.RULES, *agreement.RULES, *wiring.RULES)
JOB = "task-api"
"""By which rules and dashboards find the program's metrics."""

EVERYTHING = "production with its components"


@pytest.fixture(scope="module", params=[*OVERLAYS, EVERYTHING])
def brought(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """What each overlay brings."""
    if request.param != EVERYTHING:
        return overlay(request.param)
    return with_components(tmp_path_factory.mktemp("everything"))


def with_components(folder: Path) -> Cluster:
    """Return production with each component switched on."""
    already = (K8S / "overlays" / "production" / "kustomization.yaml").read_text(encoding="utf-8")
    found = sorted(path.parent for path in K8S.glob("components/*/kustomization.yaml"))
    components = [folder for folder in found if f"\n  - ../../components/{folder.name}\n" not in already]
    lines = ["resources:", f"  - {os.path.relpath(K8S / 'overlays' / 'production', folder.resolve())}", "components:"]
    lines += [f"  - {os.path.relpath(component, folder.resolve())}" for component in components]
    (folder / "kustomization.yaml").write_text("\n".join(lines), encoding="utf-8")
    return cluster(folder)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_manifests_keep_the_rule(brought: Cluster, rule: Rule) -> None:
    assert list(rule(brought)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_fit_each_supported_kubernetes(brought: Cluster, version: str) -> None:
    assert list(refusals(brought, version)) == []


def test_production_has_all_that_a_fleet_needs() -> None:
    kinds = {manifest["kind"] for manifest in overlay("production").manifests}
    assert kinds >= {
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "Ingress",
        "NetworkPolicy",
        "Job",
        "ConfigMap",
        "CronJob",
    }
    assert "Secret" not in kinds, "secrets are not kept in git"


def test_the_components_scale_and_measure_by_what_the_program_will_be_asked_for(tmp_path: Path) -> None:
    everything = with_components(tmp_path)
    metrics = everything.named("HorizontalPodAutoscaler", "task-api")["spec"]["metrics"]
    assert [next(iter(metric[metric["type"].lower()].values())) for metric in metrics] == [
        "cpu",
        {"name": "http_requests_per_second"},
    ]
    monitor = everything.named("ServiceMonitor", "task-api")["spec"]
    service = everything.named("Service", "task-api-metrics")
    assert monitor["selector"]["matchLabels"] == {"app": service["metadata"]["labels"]["app"]}
    assert service["metadata"]["labels"][monitor["jobLabel"]] == JOB
    assert [each["port"] for each in monitor["endpoints"]] == [port["name"] for port in service["spec"]["ports"]]
