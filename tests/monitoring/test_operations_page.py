"""What docs/operations.md sends people to is there: panels, pages, headings, settings, services."""

import re
from pathlib import Path

import pytest
import yaml

from monitoring.dashboards import DASHBOARDS
from taskapi.config import variables
from tests.deploy.composition import BASE, MONITORING, services
from tests.monitoring.prometheus import configured, promtool
from tests.monitoring.test_rules import OPERATIONS
from tests.shape.test_deployment_docs import LINK, SERVICE, anchors

TEXT = OPERATIONS.read_text(encoding="utf-8")
PANELS = {board.title: {panel.title for panel in board.panels} for board in DASHBOARDS}
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| ") and "`TaskApi" in line]


@pytest.mark.parametrize("cell", [row[1] for row in ROWS if row[1] != "–"])
def test_every_panel_of_the_table_is_one(cell: str) -> None:
    board, _, panel = cell.partition(": ")
    assert panel in PANELS[board]


def test_every_panel_of_the_runbooks_is_one() -> None:
    named = {" ".join(name.split()) for name in re.findall(r"(?<!\*)\*((?:How|Which)\b[^*]+)\*(?!\*)", TEXT)}
    assert named
    assert named <= {panel for panels in PANELS.values() for panel in panels}


@pytest.mark.parametrize("link", sorted(link for link in set(LINK.findall(TEXT)) if not link.startswith("http")))
def test_every_link_leads_somewhere(link: str) -> None:
    file, _, anchor = link.partition("#")
    page = (OPERATIONS.parent / file).resolve() if file else OPERATIONS
    assert page.exists()
    assert not anchor or anchor in set(anchors(page))


def test_every_runbook_is_led_to() -> None:
    headings = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    assert headings
    assert all(f"(#{heading.lower().replace(' ', '-')})" in TEXT for heading in headings)


def test_prometheus_reads_what_is_to_be_added(tmp_path: Path) -> None:
    alerting, certificate = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
    path = configured(tmp_path)
    tree = yaml.safe_load(path.read_text()) | alerting
    tree["scrape_configs"] += certificate
    path.write_text(yaml.safe_dump(tree))
    promtool("check", "config", path)


def test_every_setting_is_one() -> None:
    named = set(re.findall(r"\b(?:TASK_API_[A-Z_]+|[A-Z]+_URL)\b", TEXT))
    assert named <= {variable.name for variable in variables()}


def test_every_service_of_compose_is_one() -> None:
    assert set(SERVICE.findall(TEXT)) <= set(services(BASE, MONITORING))
