"""Where the manifests have to agree with each other: who finds whom, who may talk to whom, who scales what."""

from collections.abc import Iterator

from tests.kubernetes.cluster import Cluster, Manifest, Pod

BOTH = {"Ingress", "Egress"}


def every_service_finds_its_pods(cluster: Cluster) -> Iterator[str]:
    """Exactly one workload, on a port that it opens; a migration never gets requests."""
    for service in cluster.of("Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        chosen = [pod for pod in cluster.pods() if pod.matches({"matchLabels": spec["selector"]})]
        if len(chosen) != 1:
            yield f"{name}: chooses {[pod.owner for pod in chosen]}"
        for port in spec["ports"]:
            if any(pod.port(port["targetPort"]) is None for pod in chosen):
                yield f"{name}: nobody opens {port['targetPort']}"


def the_ingress_leads_to_the_service(cluster: Cluster) -> Iterator[str]:
    """By TLS, for the hosts of the certificate."""
    for ingress in cluster.of("Ingress"):
        secured = {host for tls in ingress["spec"].get("tls", ()) for host in tls["hosts"]}
        for rule in ingress["spec"]["rules"]:
            if rule["host"] not in secured:
                yield f"{rule['host']}: passwords would travel in the clear"
            for path in rule["http"]["paths"]:
                wanted = path["backend"]["service"]
                ports = [port["name"] for port in cluster.named("Service", wanted["name"])["spec"]["ports"]]
                if wanted["port"]["name"] not in ports:
                    yield f"{rule['host']}: {wanted['name']} has no port {wanted['port']['name']}"


def nothing_is_open_that_is_not_named(cluster: Cluster) -> Iterator[str]:
    """One policy denies everything to everybody; no other one opens everything again."""
    policies = [policy["spec"] for policy in cluster.of("NetworkPolicy")]
    if not any(spec == {"podSelector": {}, "policyTypes": sorted(BOTH, reverse=True)} for spec in policies):
        yield "nothing denies what no policy names"
    for policy in cluster.of("NetworkPolicy"):
        for flow in _flows(policy):
            if not flow.get("ports") or not (flow.get("from") or flow.get("to")):
                yield f"{policy['metadata']['name']}: opens every port or admits everybody"


def every_policy_is_about_pods_that_exist(cluster: Cluster) -> Iterator[str]:
    """A selector that chooses nobody, or a port that nobody opens, is a policy that only seems to be there."""
    for policy in cluster.of("NetworkPolicy"):
        name, selector = policy["metadata"]["name"], policy["spec"]["podSelector"]
        chosen = [pod for pod in cluster.pods() if pod.matches(selector)]
        if not chosen:
            yield f"{name}: chooses no pod"
        for flow in policy["spec"].get("ingress", ()):
            if any(pod.port(port["port"]) is None for pod in chosen for port in flow["ports"]):
                yield f"{name}: opens a port that nobody listens on"
        yield from _unknown_peers(cluster, policy)


def the_pods_reach_their_servers(cluster: Cluster) -> Iterator[str]:
    """The server needs PostgreSQL and Redis, migration and backup PostgreSQL, and all the names of these."""
    for owner, wanted in (
        ("task-api", {53, 5432, 6379}),
        ("task-api-migrate", {53, 5432}),
        ("task-api-backup", {53, 5432}),
    ):
        pod = cluster.pod(owner)
        policies = [policy for policy in cluster.of("NetworkPolicy") if pod.matches(policy["spec"]["podSelector"])]
        allowed = {
            port["port"] for policy in policies for flow in policy["spec"].get("egress", ()) for port in flow["ports"]
        }
        if allowed != wanted:
            yield f"{owner}: may go out to {sorted(allowed)}, needs {sorted(wanted)}"


def one_number_of_pods_is_asked_for(cluster: Cluster) -> Iterator[str]:
    """The autoscaler's or the manifest's: an `apply` with both would undo what the autoscaler did."""
    for scaler in cluster.of("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if "replicas" in cluster.named(target["kind"], target["name"])["spec"]:
            yield f"{target['name']}: has a number of pods and an autoscaler"


def the_pods_are_never_all_gone(cluster: Cluster) -> Iterator[str]:
    """A rollout takes nobody away before the next one is ready; the drain of a node takes one at a time, and does."""
    strategy = cluster.named("Deployment", "task-api")["spec"]["strategy"]
    if strategy != {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}:
        yield f"task-api: rolls by {strategy}"
    for budget in cluster.of("PodDisruptionBudget"):
        chosen = [pod for pod in cluster.pods() if pod.matches(budget["spec"]["selector"])]
        if [pod.owner for pod in chosen] != ["task-api"] or budget["spec"].get("maxUnavailable") != 1:
            yield f"{budget['metadata']['name']}: guards {[pod.owner for pod in chosen]} by {budget['spec']}"
    if not cluster.pod("task-api").spec.get("topologySpreadConstraints"):
        yield "task-api: all pods may be on one node"


def only_the_server_waits_for_the_migration(cluster: Cluster) -> Iterator[str]:
    """`k8s/deploy` holds back what carries this label; anything else there would be missing from the migration."""
    held = {
        (manifest["kind"], manifest["metadata"]["name"])
        for manifest in cluster.manifests
        if manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "server"
    }
    if held - {("HorizontalPodAutoscaler", "task-api")} != {("Deployment", "task-api")}:
        yield f"held back until the migration is done: {sorted(held)}"


def a_migration_ends(cluster: Cluster) -> Iterator[str]:
    """It is tried again, for a time that has an end, and does not stay for ever."""
    spec = cluster.named("Job", "task-api-migrate")["spec"]
    missing = {"backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"} - spec.keys()
    if missing:
        yield f"task-api-migrate: lacks {sorted(missing)}"


def a_backup_ends_and_outlives_its_pod(cluster: Cluster) -> Iterator[str]:
    """One at a time, for a time that has an end, into a volume that the program may write."""
    for cron in cluster.of("CronJob"):
        name, spec, job = cron["metadata"]["name"], cron["spec"], cron["spec"]["jobTemplate"]["spec"]
        missing = {"startingDeadlineSeconds", "timeZone"} - spec.keys()
        missing |= {"backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"} - job.keys()
        if missing or spec.get("concurrencyPolicy") != "Forbid":
            yield f"{name}: lacks {sorted(missing)}, and is {spec.get('concurrencyPolicy')}"
        yield from _unkept(cluster, cluster.pod(name))


def _unkept(cluster: Cluster, pod: Pod) -> Iterator[str]:
    target = pod.container["command"][-1]
    volumes = {
        volume["name"]: volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod.spec["volumes"]
    }
    claims = [volumes[mount["name"]] for mount in pod.container["volumeMounts"] if mount["mountPath"] == target]
    claimed = {claim["metadata"]["name"] for claim in cluster.of("PersistentVolumeClaim")}
    if len(claims) != 1 or claims[0] not in claimed:
        yield f"{pod.owner}: writes to {target}, which is {claims}"
    if pod.spec["securityContext"].get("fsGroup") != pod.spec["securityContext"].get("runAsGroup"):
        yield f"{pod.owner}: may not write its volume"


def _flows(policy: Manifest) -> list[Manifest]:
    return [*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())]


def _unknown_peers(cluster: Cluster, policy: Manifest) -> Iterator[str]:
    for flow in _flows(policy):
        for peer in (*flow.get("from", ()), *flow.get("to", ())):
            selector = peer.get("podSelector")
            if (
                selector
                and "namespaceSelector" not in peer
                and not any(pod.matches(selector) for pod in cluster.pods())
            ):
                yield f"{policy['metadata']['name']}: talks to {selector}, which is nobody"


RULES = (
    every_service_finds_its_pods,
    the_ingress_leads_to_the_service,
    nothing_is_open_that_is_not_named,
    every_policy_is_about_pods_that_exist,
    the_pods_reach_their_servers,
    one_number_of_pods_is_asked_for,
    the_pods_are_never_all_gone,
    only_the_server_waits_for_the_migration,
    a_migration_ends,
    a_backup_ends_and_outlives_its_pod,
)
