"""The rules notice what they are there for: each breakage of a good overlay is reported by the rule that guards it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.kubernetes import agreement, hardening, wiring
from tests.kubernetes.cluster import Cluster, Manifest, overlay
from tests.kubernetes.schemas import VERSIONS, refusals
from tests.kubernetes.test_manifests import Rule


class Breakage(NamedTuple):
    """One change to a good overlay, and the rule that has to notice."""

    promise: str
    rule: Rule
    kind: str
    name: str
    change: Callable[[Manifest], Any]


def container(manifest: Manifest) -> Manifest:
    """Return the container of a workload."""
    found = pod(manifest)["containers"][0]
    assert isinstance(found, dict)
    return found


def pod(manifest: Manifest) -> Manifest:
    """Return the specification of a workload's pods."""
    found = manifest["spec"].get("jobTemplate", manifest)["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def server(promise: str, rule: Rule, change: Callable[[Manifest], Any]) -> Breakage:
    """Return a change of the server's Deployment."""
    return Breakage(promise, rule, "Deployment", "task-api", change)


def backup(promise: str, rule: Rule, change: Callable[[Manifest], Any]) -> Breakage:
    """Return a change of the backup's CronJob."""
    return Breakage(promise, rule, "CronJob", "task-api-backup", change)


def setting(promise: str, rule: Rule, **values: str) -> Breakage:
    """Return a change of the settings."""
    return Breakage(promise, rule, "ConfigMap", "", lambda found: found["data"].update(values))


BREAKAGES = (
    server("no limit", hardening.everything_has_a_limit, lambda found: container(found)["resources"]["limits"].clear()),
    server(
        "an endless folder",
        hardening.everything_has_a_limit,
        lambda found: pod(found)["volumes"][0]["emptyDir"].clear(),
    ),
    server("a token", hardening.no_pod_has_a_token, lambda found: pod(found).update(automountServiceAccountToken=True)),
    server(
        "a token by default", hardening.no_pod_has_a_token, lambda found: pod(found).pop("automountServiceAccountToken")
    ),
    server(
        "a root file system that can be written",
        hardening.every_pod_is_restricted,
        lambda found: container(found)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    server("root", hardening.every_pod_is_restricted, lambda found: pod(found)["securityContext"].update(runAsUser=0)),
    server("any image", hardening.every_image_is_a_release, lambda found: container(found).update(image="task-api")),
    server(
        "an unknown variable",
        agreement.every_variable_is_a_setting,
        lambda found: container(found)["env"].append({"name": "TASK_API_DATABASE_URL", "value": "x"}),
    ),
    server(
        "variables for each Service",
        agreement.every_variable_is_a_setting,
        lambda found: pod(found).pop("enableServiceLinks"),
    ),
    setting("a misspelt setting", agreement.every_variable_is_a_setting, TASK_API_DRAIN="5"),
    setting("a value out of bounds", agreement.the_settings_can_be_read, TASK_API_DRAIN_SECONDS="soon"),
    server(
        "a secret that nobody makes",
        agreement.every_secret_is_in_the_example,
        lambda found: container(found)["env"][0]["valueFrom"]["secretKeyRef"].update(key="database"),
    ),
    Breakage(
        "a command that does not exist",
        agreement.every_command_exists,
        "Job",
        "task-api-migrate",
        lambda found: container(found)["command"].pop(),
    ),
    setting("another port", agreement.the_server_listens_where_it_is_asked, PORT="3001"),
    setting("an address of its own", agreement.the_server_listens_where_it_is_asked, TASK_API_HOST="127.0.0.1"),
    setting(
        "metrics that nobody guards",
        agreement.metrics_are_shown_to_whom_may_read_them,
        TASK_API_METRICS_HOST="0.0.0.0",  # noqa: S104 - a pod's own
    ),
    Breakage(
        "metrics for every neighbour",
        agreement.metrics_are_shown_to_whom_may_read_them,
        "NetworkPolicy",
        "allow-ingress-controller",
        lambda found: found["spec"]["ingress"][0]["ports"].append({"port": "metrics", "protocol": "TCP"}),
    ),
    server(
        "liveness that looks at the database",
        agreement.probes_ask_what_they_should,
        lambda found: container(found)["livenessProbe"]["httpGet"].update(path="/api/health"),
    ),
    server(
        "impatient readiness",
        agreement.probes_ask_what_they_should,
        lambda found: container(found)["readinessProbe"].pop("timeoutSeconds"),
    ),
    server(
        "a short grace", agreement.a_stop_has_its_time, lambda found: pod(found).pop("terminationGracePeriodSeconds")
    ),
    setting("a long drain", agreement.a_stop_has_its_time, TASK_API_DRAIN_SECONDS="20"),
    setting("a large pool", agreement.the_pods_fit_the_database, TASK_API_DATABASE_POOL="6"),
    setting("shares for other pods", agreement.the_limits_are_shared_by_the_pods, TASK_API_INSTANCES="1"),
    Breakage(
        "requests for the migration",
        wiring.every_service_finds_its_pods,
        "Job",
        "task-api-migrate",
        lambda found: found["spec"]["template"]["metadata"]["labels"].update(app="task-api"),
    ),
    Breakage(
        "a port that nobody opens",
        wiring.every_service_finds_its_pods,
        "Service",
        "task-api-service",
        lambda found: found["spec"]["ports"][0].update(targetPort="https"),
    ),
    Breakage(
        "no certificate",
        wiring.the_ingress_leads_to_the_service,
        "Ingress",
        "task-api",
        lambda found: found["spec"].pop("tls"),
    ),
    Breakage(
        "an open door",
        wiring.nothing_is_open_that_is_not_named,
        "NetworkPolicy",
        "deny-all",
        lambda found: found["spec"].update(egress=[{}]),
    ),
    Breakage(
        "a policy for nobody",
        wiring.every_policy_is_about_pods_that_exist,
        "NetworkPolicy",
        "allow-ingress-controller",
        lambda found: found["spec"]["podSelector"]["matchLabels"].update(app="api"),
    ),
    Breakage(
        "no way to PostgreSQL",
        wiring.the_pods_reach_their_servers,
        "NetworkPolicy",
        "allow-migration-and-backup-to-postgres",
        lambda found: found["spec"]["egress"].clear(),
    ),
    server("two masters", wiring.one_number_of_pods_is_asked_for, lambda found: found["spec"].update(replicas=3)),
    server(
        "a rollout that takes pods away",
        wiring.the_pods_are_never_all_gone,
        lambda found: found["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    ),
    Breakage(
        "a drain that never ends",
        wiring.the_pods_are_never_all_gone,
        "PodDisruptionBudget",
        "task-api",
        lambda found: found["spec"].update(maxUnavailable=0),
    ),
    server(
        "a server that does not wait",
        wiring.only_the_server_waits_for_the_migration,
        lambda found: found["metadata"]["labels"].pop("app.kubernetes.io/component"),
    ),
    Breakage(
        "a migration for ever",
        wiring.a_migration_ends,
        "Job",
        "task-api-migrate",
        lambda found: found["spec"].pop("activeDeadlineSeconds"),
    ),
    backup(
        "a backup for ever",
        wiring.a_backup_ends_and_outlives_its_pod,
        lambda found: found["spec"]["jobTemplate"]["spec"].pop("activeDeadlineSeconds"),
    ),
    backup(
        "two backups at once",
        wiring.a_backup_ends_and_outlives_its_pod,
        lambda found: found["spec"].update(concurrencyPolicy="Allow"),
    ),
    backup(
        "a backup that goes with its pod",
        wiring.a_backup_ends_and_outlives_its_pod,
        lambda found: pod(found)["volumes"][1].pop("persistentVolumeClaim"),
    ),
    backup(
        "a volume that is not the program's",
        wiring.a_backup_ends_and_outlives_its_pod,
        lambda found: pod(found)["securityContext"].pop("fsGroup"),
    ),
    backup(
        "an option that does not exist",
        agreement.every_command_exists,
        lambda found: container(found)["command"].insert(2, "--days"),
    ),
    backup("a backup as root", hardening.every_pod_is_restricted, lambda found: pod(found).pop("securityContext")),
)


def broken(breakage: Breakage) -> Cluster:
    """Return production with the change made."""
    cluster = overlay("production")
    (found,) = (
        manifest for manifest in cluster.of(breakage.kind) if breakage.name in ("", manifest["metadata"]["name"])
    )
    breakage.change(found)
    return cluster


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.promise)
def test_the_rule_notices(breakage: Breakage) -> None:
    assert list(breakage.rule(broken(breakage)))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_kubernetes_does_not_know_is_refused(version: str) -> None:
    unknown = server("a typing error", wiring.a_migration_ends, lambda found: pod(found).update(gracePeriodSeconds=45))
    (refusal,) = refusals(broken(unknown), version)
    assert "gracePeriodSeconds" in refusal
