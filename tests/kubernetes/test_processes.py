"""What the pods of `single` run, as processes with exactly the variables that the pods have."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from taskapi.kit.embedded.programs import find_valkey
from tests.kubernetes.agreement import SECRETS
from tests.kubernetes.cluster import Pod, overlay
from tests.plain import NO_TLS
from tests.servers import Servers
from tests.system.launch import READY_SECONDS, free_port
from tests.waiting import eventually

SINGLE = overlay("single")


@pytest.fixture
def variables(servers: Servers, tmp_path: Path) -> dict[str, str]:
    """What a pod has in its environment, with the addresses of the test's servers, and the image's home."""
    here = {"DATABASE_URL": servers.create_database(), "REDIS_URL": servers.redis_url, "HOME": str(tmp_path)}
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    return SINGLE.settings() | SECRETS | here | coverage


def command(pod: Pod) -> list[str]:
    """Return the command of a pod, run by this interpreter."""
    program, *words = pod.container["command"]
    assert program == "task-api"
    return [sys.executable, "-m", "taskapi", *words]


def status(url: str) -> int:
    """Return the status of an answer; 0 if there is none."""
    try:
        return httpx.get(url, timeout=5, verify=NO_TLS).status_code
    except httpx.TransportError:
        return 0


def test_the_migration_ends_well_and_the_server_stops_within_its_grace(
    variables: dict[str, str], tmp_path: Path
) -> None:
    migration, server = SINGLE.pod("task-api-migrate"), SINGLE.pod("task-api")
    subprocess.run(command(migration), env=variables, cwd=tmp_path, check=True, timeout=60)

    port = free_port()
    probe = server.container["readinessProbe"]["httpGet"]["path"]
    ready = f"http://127.0.0.1:{port}{probe}"
    with subprocess.Popen(command(server), env=variables | {"PORT": str(port)}, cwd=tmp_path) as process:
        eventually(lambda: status(ready) == 200, READY_SECONDS)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: status(ready) == 503)  # balancers that look see it go, and requests are still answered
        assert status(f"http://127.0.0.1:{port}/api/health/live") == 200
        sleep = server.container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert process.wait(server.spec["terminationGracePeriodSeconds"] - sleep) == 0
    assert list(tmp_path.iterdir()) == [], "the root file system of a pod cannot be written"


@contextmanager
def redis(folder: Path, port: int, password: str) -> Iterator[None]:
    """Run the shell command of the pod `redis`, with a redis-server on its PATH that takes another port."""
    server = folder / "redis-server"
    server.write_text(f'#!/bin/sh\nexec {find_valkey(None, folder).executable} "$@" --port {port}\n', encoding="utf-8")
    server.chmod(0o755)
    container = SINGLE.pod("redis").container
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "REDIS_PASSWORD": password}
    with subprocess.Popen([*container["command"], *container["args"]], env=environment) as process:
        yield
        process.terminate()


def answers(client: Redis) -> bool:
    """Whether the server is there."""
    try:
        return bool(client.ping())
    except RedisError:
        return False


def test_redis_wants_its_password_and_stays_within_the_memory_of_its_pod(tmp_path: Path) -> None:
    port = free_port()
    with redis(tmp_path, port, "b7d1"), Redis(port=port, password="b7d1") as client:
        eventually(lambda: answers(client))
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        assert client.config_get("maxmemory") == {"maxmemory": str(192 << 20)}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
        assert client.config_get("save") == {"save": ""}
