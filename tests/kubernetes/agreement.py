"""Where the manifests have to agree with the program: settings, secrets, addresses, times, connections."""

from collections.abc import Iterator
from typing import Any

import yaml
from typer.main import get_command
from typer.testing import CliRunner

from taskapi.__main__ import app as program
from taskapi.app import api_document
from taskapi.config import DatabaseSettings, Secret, SettingsInvalid, load, variables
from taskapi.http.looks import CHECK_SECONDS
from tests.kubernetes.cluster import K8S, Cluster, Pod
from tests.shape.source import ROOT

PATHS = frozenset(api_document()["paths"])
EXAMPLE = K8S / "secret.example.yaml"
SECRETS = {
    "DATABASE_URL": "postgresql://task_api:password@postgres:5432/taskdb",
    "REDIS_URL": "redis://:password@redis-service:6379",
    "JWT_SECRET": "x" * 48,
}
LONE_CONNECTIONS = DatabaseSettings(read_urls=(Secret("postgresql://replica"),)).connections_beside_pool
"""What a process holds besides its pool; the Secret may name replicas."""

USERS_CONNECTIONS = 97
"""Of PostgreSQL's 100 by default, three are kept for superusers."""


def every_variable_is_a_setting(cluster: Cluster) -> Iterator[str]:
    """The program refuses to start with one it does not know."""
    known = {variable.name for variable in variables()}
    for pod in _ours(cluster):
        for name in sorted(_environment(cluster, pod) - known):
            yield f"{pod.owner}: there is no setting {name}"
        for name in sorted(SECRETS.keys() - _environment(cluster, pod)):
            yield f"{pod.owner}: without {name} the program would make or start its own"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.owner}: Kubernetes adds TASK_API_SERVICE_… variables, which are no settings"


def the_settings_can_be_read(cluster: Cluster) -> Iterator[str]:
    """The values are of the right type and within their bounds."""
    try:
        load(cluster.settings() | SECRETS, dotenv=ROOT / "no.env")
    except SettingsInvalid as error:
        yield str(error)


def every_secret_is_in_the_example(cluster: Cluster) -> Iterator[str]:
    """Whoever fills in the example has all that the pods read."""
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for pod in cluster.pods():
        for variable in pod.container.get("env", ()):
            wanted = variable.get("valueFrom", {}).get("secretKeyRef")
            if wanted and (wanted["name"], wanted["key"] in example["stringData"]) != (
                example["metadata"]["name"],
                True,
            ):
                yield f"{pod.owner}: {wanted['name']}/{wanted['key']} is not in {EXAMPLE.name}"


def every_command_exists(cluster: Cluster) -> Iterator[str]:
    """The words after `task-api` lead to a command that has these options."""
    for pod in _ours(cluster):
        command: Any = get_command(program)
        words = pod.container["command"][1:]
        for word in words:
            command = getattr(command, "commands", {}).get(word, command)
        if hasattr(command, "commands") or CliRunner().invoke(program, [*words, "--help"]).exit_code:
            yield f"{pod.owner}: there is no {' '.join(pod.container['command'])}"


def the_server_listens_where_it_is_asked(cluster: Cluster) -> Iterator[str]:
    """On every address of the pod, on the port that the pod names."""
    settings, port = cluster.settings(), cluster.pod("task-api").port("http")
    if (settings.get("TASK_API_HOST"), settings.get("PORT")) != ("0.0.0.0", str(port)):  # noqa: S104 - a pod's own
        yield f"the server listens on {settings.get('TASK_API_HOST')}:{settings.get('PORT')}, the pod opens {port}"


def metrics_are_shown_to_whom_may_read_them(cluster: Cluster) -> Iterator[str]:
    """On every address of the pod only where a policy says whose namespaces may come; on the port that it opens."""
    settings, port = _complete(cluster), cluster.pod("task-api").port("metrics")
    is_shown = settings["TASK_API_METRICS_HOST"] != "127.0.0.1"
    readers = [
        peer
        for policy in cluster.of("NetworkPolicy")
        for flow in policy["spec"].get("ingress", ())
        if any(each["port"] == "metrics" for each in flow["ports"])
        for peer in flow.get("from", ())
    ]
    if is_shown != bool(readers) or not all(peer.get("namespaceSelector", {}).get("matchLabels") for peer in readers):
        yield f"metrics are shown on {settings['TASK_API_METRICS_HOST']}, to {readers}"
    if is_shown and settings["TASK_API_METRICS_PORT"] != str(port):
        yield f"metrics are shown on port {settings['TASK_API_METRICS_PORT']}, the pod opens {port}"


def probes_ask_what_they_should(cluster: Cluster) -> Iterator[str]:
    """Liveness and start look at no dependency; readiness leaves the look at PostgreSQL its time."""
    container = cluster.pod("task-api").container
    for probe, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
        asked = container.get(f"{probe}Probe", {}).get("httpGet", {}).get("path")
        if asked != f"/api/health/{path}" or asked not in PATHS:
            yield f"the {probe} probe asks {asked}"
    if container.get("readinessProbe", {}).get("timeoutSeconds", 1) <= CHECK_SECONDS:
        yield f"the readiness probe gives up before the look at PostgreSQL, which may take {CHECK_SECONDS} s"


def a_stop_has_its_time(cluster: Cluster) -> Iterator[str]:
    """Kubernetes kills the pod only after the sleep before SIGTERM, the drain and the requests in flight."""
    settings, pod = _complete(cluster), cluster.pod("task-api")
    sleep = pod.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = sleep + int(settings["TASK_API_DRAIN_SECONDS"]) + int(settings["TASK_API_SHUTDOWN_GRACE"])
    if not sleep:
        yield "SIGTERM may come while requests are still sent to the pod"
    if pod.spec.get("terminationGracePeriodSeconds", 30) <= needed:
        yield f"a pod is killed after {pod.spec.get('terminationGracePeriodSeconds', 30)} s and may need {needed} s"


def the_pods_fit_the_database(cluster: Cluster) -> Iterator[str]:
    """All pods at once, the one that a rollout adds too, migration and backup stay under PostgreSQL's connections."""
    _, most = _replicas(cluster)
    surge = cluster.named("Deployment", "task-api")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    needed = (most + surge) * (int(_complete(cluster)["TASK_API_DATABASE_POOL"]) + LONE_CONNECTIONS) + 2
    if needed > USERS_CONNECTIONS:
        yield f"{most} pods and a rollout need {needed} connections of {USERS_CONNECTIONS}"


def the_limits_are_shared_by_the_pods(cluster: Cluster) -> Iterator[str]:
    """Without Redis each pod allows its share; the shares of the pods that are always there are the whole."""
    least, _ = _replicas(cluster)
    if int(_complete(cluster)["TASK_API_INSTANCES"]) != least:
        yield f"TASK_API_INSTANCES is {_complete(cluster)['TASK_API_INSTANCES']}, there are at least {least} pods"


def _ours(cluster: Cluster) -> list[Pod]:
    return [pod for pod in cluster.pods() if pod.is_ours]


def _environment(cluster: Cluster, pod: Pod) -> set[str]:
    return {variable["name"] for variable in pod.container.get("env", ())} | cluster.settings().keys()


def _complete(cluster: Cluster) -> dict[str, str]:
    return {variable.name: variable.default for variable in variables()} | cluster.settings()


def _replicas(cluster: Cluster) -> tuple[int, int]:
    """Return the least and the most pods that serve."""
    for scaler in cluster.of("HorizontalPodAutoscaler"):
        return scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]
    fixed = cluster.pod("task-api").replicas or 1
    return fixed, fixed


RULES = (
    every_variable_is_a_setting,
    the_settings_can_be_read,
    every_secret_is_in_the_example,
    every_command_exists,
    the_server_listens_where_it_is_asked,
    metrics_are_shown_to_whom_may_read_them,
    probes_ask_what_they_should,
    a_stop_has_its_time,
    the_pods_fit_the_database,
    the_limits_are_shared_by_the_pods,
)
