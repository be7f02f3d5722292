"""What docs/deployment.md tells people to type is there: commands, verbs, files, services, objects, settings, links."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from taskapi.__main__ import app as program
from taskapi.config import variables
from tests.deploy.composition import BASE, SCALE, services
from tests.shape.source import ROOT
from tests.shape.test_docs import leaves

PAGE = ROOT / "docs" / "deployment.md"
TEXT = PAGE.read_text(encoding="utf-8")
SET_AS_CODE = re.compile(r"```\w*\n(.*?)```|`([^`]+)`", re.DOTALL)
CODE = re.sub(
    r"\s*\\?\n\s+",
    " ",
    "\n".join(block.strip() or inline.replace("\n", " ") for block, inline in SET_AS_CODE.findall(TEXT)),
)
"""All that is set as code, a command in one line."""

LINK = re.compile(r"\]\(([^)\s]+)\)")
ORCHESTRATION = {"TASK_API_VERSION", "DB_PASSWORD", "COMPOSE_FILE"}
"""Variables of the compose files alone, and Docker's own."""

SERVICE = re.compile(
    r"docker compose (?:--profile \w+ )?(?:exec|stop|restart|logs|rm|run|up)(?: -\S+| app=\d)* ([a-z][a-z-]*)"
)
OBJECT = re.compile(r"\b(deployment|statefulset|cronjob|job)/([a-z][a-z-]*)")


def found(pattern: str) -> set[str]:
    """Return what a pattern's group finds in the code of the page; fails if it finds nothing."""
    names = set(re.findall(pattern, CODE))
    assert names, f"nothing looks like {pattern}"
    return names


@cache
def objects() -> set[tuple[str, str]]:
    """Return kind and name of each object in k8s."""
    read = [yaml.safe_load_all(path.read_text(encoding="utf-8")) for path in (ROOT / "k8s").rglob("*.yaml")]
    return {(it["kind"].lower(), it["metadata"]["name"]) for file in read for it in file if it and "metadata" in it}


def anchors(page: Path) -> Iterator[str]:
    """Yield what can be linked to on a page, as GitHub makes it of headings."""
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_command_of_the_program_is_one() -> None:
    known = set(leaves(get_command(program)))
    for words in found(r"(?<!namespace )\btask-api ([a-z]+(?: [a-z]+)?)\b"):
        assert words in known or words.split()[0] in known, f"there is no `task-api {words}`"


def test_every_option_of_the_program_is_one() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for line in found(r"(task-api [a-z]+(?: --[a-z-]+)+)"):
        assert all(option in text for option in re.findall(r"--[a-z-]+", line)), line


def test_every_verb_of_make_is_one() -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert found(r"make ([a-z-]+)") <= verbs


def test_every_file_is_there() -> None:
    for name in found(r"((?:[\w-]+/)*docker-compose[\w.-]*\.yml|overlays/\S+\.yaml|k8s/deploy|tests/\S+\.py)"):
        assert (ROOT / name).is_file() or (ROOT / "k8s" / name).is_file(), name


def test_every_overlay_is_there() -> None:
    assert all((ROOT / "k8s" / "overlays" / name).is_dir() for name in found(r"k8s/deploy (\w+)"))


def test_every_service_of_compose_is_one() -> None:
    known = set(services(BASE, SCALE))
    named = set(SERVICE.findall(CODE)) | found(r"--scale (\w+)=")
    assert {"postgres", "postgres-replica", "redis", "backup"} <= named <= known


def test_every_volume_of_compose_is_one() -> None:
    project = yaml.safe_load(BASE.read_text(encoding="utf-8"))
    assert found(r"docker volume rm (\S+)") <= {f"{project['name']}_{volume}" for volume in project["volumes"]}


def test_every_object_of_kubernetes_is_one() -> None:
    assert set(OBJECT.findall(CODE)) <= objects()
    keys = yaml.safe_load((ROOT / "k8s" / "secret.example.yaml").read_text(encoding="utf-8"))
    assert found(r"\b((?:jwt|redis|database)-[a-z-]+)\b") - {"redis-cli"} <= keys["stringData"].keys()
    assert ("secret", "task-api-secrets") in objects()


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"\b(?:TASK_API_[A-Z_]+|[A-Z]+_URL|JWT_SECRET|DB_PASSWORD|COMPOSE_FILE)\b", TEXT)))
)
def test_every_setting_is_one(name: str) -> None:
    assert name in {variable.name for variable in variables()} | ORCHESTRATION


@pytest.mark.parametrize("link", sorted(set(LINK.findall(TEXT))))
def test_every_link_leads_somewhere(link: str) -> None:
    file, _, anchor = link.partition("#")
    page = (PAGE.parent / file).resolve() if file else PAGE
    assert page.exists()
    assert not anchor or anchor in set(anchors(page))


@pytest.mark.parametrize(
    "page", sorted(path.name for path in (ROOT / "docs").glob("*.md") if "deployment.md" in path.read_text())
)
def test_every_link_to_this_page_leads_somewhere(page: str) -> None:
    named = re.findall(r"\(deployment\.md#([^)]+)\)", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert set(named) <= set(anchors(PAGE))
