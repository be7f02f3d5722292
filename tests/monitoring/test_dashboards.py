"""The files that are made are as their sources, and dashboards can be read by people."""

from pathlib import Path

import pytest
import yaml

from monitoring.dashboards import DASHBOARDS
from monitoring.files import BOARDS, HERE, rendered
from monitoring.panels import Dashboard, Panel
from tests.monitoring.prometheus import CONFIGURATION

PANELS = [(board, panel) for board in DASHBOARDS for panel in board.panels]
PROVISIONING = HERE / "grafana" / "provisioning"


@pytest.mark.parametrize("path", rendered(), ids=lambda path: path.name)
def test_each_made_file_is_as_its_source(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == rendered()[path], "run: python -m monitoring"


def test_no_dashboard_is_left_over() -> None:
    assert set(BOARDS.iterdir()) == {path for path in rendered() if path.parent == BOARDS}


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=lambda it: it.title)
def test_each_panel_asks_in_words_and_has_a_unit(board: Dashboard, panel: Panel) -> None:
    assert len(panel.title.split()) >= 4
    assert panel.title[0].isupper()
    assert panel.unit
    assert len(panel.queries) == 1 or all(query.legend for query in panel.queries)
    assert board.is_of_one_instance == all('instance="$instance"' in query.expr for query in panel.queries)


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.name)
def test_panels_lie_beside_each_other(board: Dashboard) -> None:
    places = [panel["gridPos"] for panel in board.rendered()["panels"]]
    covered = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) < 24


def test_grafana_asks_the_prometheus_that_is_configured() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    interval = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
