"""`k8s/README.md`, as somebody types it: the commands exist, and the secret they make is the one that the pods read."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskapi.config import load
from tests.kubernetes.cluster import K8S, Cluster, overlay
from tests.shape.source import ROOT

README = K8S / "README.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
PATHS = sorted({path.rstrip(",`") for path in re.findall(r"(?<![\w/])k8s/[\w/.-]*\w", README.read_text("utf-8"))})
KUBECTL = """#!/bin/sh
[ "$1" = create ] && cat >made.yaml
exit 0
"""


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, Any]:
    """What the block that makes the secret gives to the cluster."""
    (block,) = (block for block in BLOCKS if "kind: Secret" in block)
    command = tmp_path / "kubectl"
    command.write_text(KUBECTL, encoding="utf-8")
    command.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", block], env=environment, cwd=tmp_path, check=True, timeout=30)
    made = yaml.safe_load((tmp_path / "made.yaml").read_text(encoding="utf-8"))
    assert isinstance(made, dict)
    return made


def read_secrets(cluster: Cluster) -> dict[str, str]:
    """Return the variables of the server and the keys that they are read from, without those that may be missing."""
    found = cluster.pod("task-api").container["env"]
    wanted = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in found}
    return {name: source["key"] for name, source in wanted.items() if not source.get("optional")}


def test_the_secret_is_the_one_that_the_pods_read(secret: dict[str, Any]) -> None:
    single = overlay("single")
    keys = set(read_secrets(single).values()) | {"postgres-password", "database-password", "redis-password"}
    assert (secret["metadata"]["name"], set(secret["stringData"])) == ("task-api-secrets", keys)
    namespace = single.of("Namespace")[0]["metadata"]["name"]
    assert secret["metadata"]["namespace"] == namespace


def test_the_program_starts_with_that_secret_and_finds_the_servers_by_their_names(secret: dict[str, Any]) -> None:
    single, values = overlay("single"), secret["stringData"]
    variables = {name: values[key] for name, key in read_secrets(single).items()}
    load(single.settings() | variables, dotenv=ROOT / "no.env")
    assert variables["DATABASE_URL"] == f"postgresql://task_api:{values['database-password']}@postgres:5432/taskdb"
    assert values["postgres-password"] != values["database-password"]
    assert variables["REDIS_URL"] == f"redis://:{values['redis-password']}@redis-service:6379"
    assert {service["metadata"]["name"] for service in single.of("Service")} >= {"postgres", "redis-service"}


@pytest.mark.parametrize("path", PATHS)
def test_what_the_walk_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_a_script(block: str) -> None:
    subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=30)


def test_the_walk_builds_the_image_that_the_trial_runs() -> None:
    image = overlay("single").pod("task-api").container["image"]
    assert f"docker build -t {image} .\n" in BLOCKS[0]
