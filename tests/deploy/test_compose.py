import os
import shutil
import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from compose_spec import PyCompose
from typer.testing import CliRunner

from taskapi.__main__ import app as program
from taskapi.backup.keeping import RETRY_SECONDS
from taskapi.cli.doctor import COMMAND_CONNECTIONS
from taskapi.config import DatabaseSettings, Secret, variables
from tests.deploy.composition import (
    BASE,
    DEVELOPMENT,
    FILES,
    MONITORING,
    PROMOTED,
    SCALE,
    SECRETS,
    TLS,
    Tree,
    Unset,
    load,
    seconds,
    services,
)
from tests.monitoring.prometheus import CONFIGURATION

PRODUCTION = services(BASE, SCALE, TLS, MONITORING)
WRITABLE = {
    "postgres": "/var/lib/postgresql",
    "postgres-replica": "/var/lib/postgresql",
    "redis": "/data",
    "backup": "/backups",
    "prometheus": "/prometheus",
    "grafana": "/var/lib/grafana",
}
"""Where a service keeps what must outlive it."""

WATCHED = {"app", "prometheus", "grafana"}
"""Who is in the network of the metrics."""

POOL, MOST_INSTANCES, RESERVED = 10, 10, 3
WITHIN = "--newest-within"


@cache
def compose() -> tuple[str, ...]:
    """Return the command that reads compose files, by either of its names.

    Unlike other programs it may be missing in CI too: it comes with Docker, and the specification is checked without.
    """
    for command in (("docker", "compose"), ("docker-compose",)):
        if (
            shutil.which(command[0])
            and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
        ):
            return command
    pytest.skip("neither `docker compose` nor `docker-compose` is installed")


def option(service: Tree, name: str) -> str:
    """Return the value of a PostgreSQL setting on the command line."""
    found = [part.split("=", 1)[1] for part in service["command"] if part.startswith(f"{name}=")]
    return str(found[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_keeps_to_the_compose_specification(path: Path) -> None:
    PyCompose.from_yaml(yaml.safe_dump(load(path)))


def test_the_specification_refuses_a_mistake() -> None:
    with pytest.raises(ValueError, match="red_only"):
        PyCompose.from_yaml("services: {app: {image: app, red_only: true}}")


@pytest.mark.parametrize(
    "files",
    [
        (BASE,),
        (DEVELOPMENT,),
        (BASE, SCALE),
        (BASE, TLS),
        (BASE, SCALE, TLS),
        (BASE, SCALE, PROMOTED),
        (BASE, SCALE, MONITORING),
    ],
    ids=str,
)
def test_compose_reads_what_is_meant(files: tuple[Path, ...]) -> None:
    command = [*compose(), *(part for path in files for part in ("-f", str(path))), "config", "--quiet"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | SECRETS)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@pytest.mark.parametrize("secret", ["DB_PASSWORD", "JWT_SECRET", "GRAFANA_PASSWORD"])
def test_a_secret_has_no_default(secret: str) -> None:
    given = {name: value for name, value in SECRETS.items() if name != secret}
    with pytest.raises(Unset, match=secret):
        load(BASE, MONITORING, variables=given)


def test_nothing_but_nginx_is_published_and_grafana_to_this_machine_only() -> None:
    published = {name: service["ports"] for name, service in PRODUCTION.items() if "ports" in service}
    assert published.pop("nginx")
    assert published == {"grafana": ["127.0.0.1:3001:3000"]}


def test_metrics_are_read_in_a_network_of_their_own_without_a_way_out() -> None:
    assert load(MONITORING)["networks"]["watched"] == {"internal": True}
    assert {name for name, service in PRODUCTION.items() if "watched" in service["networks"]} == WATCHED
    assert PRODUCTION["prometheus"]["networks"] == ["watched"]
    shown = {name for name, service in PRODUCTION.items() if "TASK_API_METRICS_HOST" in service.get("environment", {})}
    assert shown == {"app"}


def test_prometheus_looks_for_the_instances_where_they_show_their_metrics() -> None:
    (job,) = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    port = next(variable.default for variable in variables() if variable.name == "TASK_API_METRICS_PORT")
    assert (found["names"], str(found["port"])) == (["app"], port)


def test_development_listens_to_this_machine_only() -> None:
    ports = [port for service in services(DEVELOPMENT).values() for port in service["ports"]]
    assert sorted(ports) == ["127.0.0.1:5432:5432", "127.0.0.1:6379:6379"]


def test_the_servers_of_the_data_cannot_be_reached_from_nginx() -> None:
    networks = load(BASE)["networks"]
    assert networks["data"] == {"internal": True}
    assert PRODUCTION["nginx"]["networks"] == ["edge"]
    servers = PRODUCTION.keys() - {"nginx"} - WATCHED
    assert all(PRODUCTION[name]["networks"] == ["data"] for name in servers)


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_a_container_can_do_no_more_than_it_has_to(name: str) -> None:
    service = PRODUCTION[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - a place in a container
    assert service.get("user") or service["image"].startswith("task-api:"), "root"


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_a_container_has_limits(name: str) -> None:
    limits = PRODUCTION[name]["deploy"]["resources"]["limits"]
    assert {"memory", "pids"} <= limits.keys()
    assert PRODUCTION[name]["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(PRODUCTION.keys() - {"migrate"}))
def test_a_service_says_when_it_is_well_and_comes_back(name: str) -> None:
    service = PRODUCTION[name]
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" in service
    assert not service["healthcheck"].get("disable")


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_nobody_connects_as_the_superuser(name: str) -> None:
    environment = PRODUCTION[name].get("environment", {})
    users = {urlsplit(value).username for key, value in environment.items() if key.startswith("DATABASE_")}
    assert users <= {"task_api"}


def test_backups_are_made_only_when_asked_for() -> None:
    assert {name for name, service in PRODUCTION.items() if "profiles" in service} == {"backup"}
    assert PRODUCTION["backup"]["profiles"] == ["backup"]


def test_a_backup_may_fail_and_succeed_again_before_the_service_is_unwell() -> None:
    made, looked = PRODUCTION["backup"]["command"], PRODUCTION["backup"]["healthcheck"]["test"]
    every, within = (int(words[words.index(option) + 1]) for words, option in ((made, "--every"), (looked, WITHIN)))
    assert timedelta(hours=every, seconds=2 * RETRY_SECONDS) < timedelta(hours=within) <= timedelta(hours=every + 6)


@pytest.mark.parametrize("part", ["command", "healthcheck"])
def test_the_program_knows_what_the_backup_service_asks_of_it(part: str) -> None:
    service = PRODUCTION["backup"]
    words = service["command"] if part == "command" else service["healthcheck"]["test"][2:]
    assert (words[0], words[-1]) == ("backup", WRITABLE["backup"])
    assert CliRunner().invoke(program, [*words, "--help"]).exit_code == 0


def test_data_is_kept_in_named_volumes() -> None:
    volumes = load(BASE, SCALE, MONITORING)["volumes"].keys()
    for name, folder in WRITABLE.items():
        kept = [volume.partition(":")[0] for volume in PRODUCTION[name]["volumes"] if volume.endswith(f":{folder}")]
        assert kept, name
        assert set(kept) <= volumes


def test_everything_waits_until_what_it_needs_is_there() -> None:
    gates = {
        (name, needed): gate["condition"]
        for name, service in services(BASE).items()
        for needed, gate in service.get("depends_on", {}).items()
    }
    assert gates == {
        ("migrate", "postgres"): "service_healthy",
        ("migrate", "redis"): "service_healthy",
        ("app", "postgres"): "service_healthy",
        ("app", "redis"): "service_healthy",
        ("app", "migrate"): "service_completed_successfully",
        ("nginx", "app"): "service_healthy",
        ("backup", "postgres"): "service_healthy",
        ("backup", "migrate"): "service_completed_successfully",
    }


def test_an_instance_has_neither_name_nor_port_of_its_own() -> None:
    assert not {"container_name", "ports"} & PRODUCTION["app"].keys()


def test_an_instance_may_finish_what_it_has_begun() -> None:
    app = PRODUCTION["app"]
    assert seconds(app["stop_grace_period"]) > int(app["environment"]["TASK_API_SHUTDOWN_GRACE"]) + 10


def test_there_are_connections_for_ten_instances_and_ten_that_take_over() -> None:
    primary, replica = (int(option(PRODUCTION[name], "max_connections")) for name in ("postgres", "postgres-replica"))
    each = POOL + DatabaseSettings(read_urls=(Secret("postgresql://replica"),)).connections_beside_pool
    assert primary >= 2 * each * MOST_INSTANCES + RESERVED + COMMAND_CONNECTIONS
    assert replica >= primary, "or the replica refuses to start"


def test_the_scaled_file_has_the_limits_of_the_guide() -> None:
    deploy = PRODUCTION["app"]["deploy"]
    assert deploy["replicas"] == 3
    assert {"cpus": "0.5", "memory": "512M"}.items() <= deploy["resources"]["limits"].items()
    assert deploy["resources"]["reservations"] == {"cpus": "0.25", "memory": "256M"}


def test_a_promotion_swaps_the_volumes_of_primary_and_replica() -> None:
    """Of two volumes for one folder Docker takes that of the later file."""
    names = ("postgres", "postgres-replica")
    before, after = services(BASE, SCALE), load(PROMOTED)["services"]
    folder = WRITABLE["postgres"]
    held = {name: next(volume for volume in before[name]["volumes"] if volume.endswith(f":{folder}")) for name in names}
    assert [after[name] for name in names] == [{"volumes": [held[name]]} for name in reversed(names)]


def test_files_that_are_mounted_exist() -> None:
    mounted = [
        volume.partition(":")[0]
        for service in PRODUCTION.values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert mounted
    assert all((BASE.parent / path).exists() for path in mounted)
