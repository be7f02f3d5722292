"""The page that is drawn of a dashboard shows what Prometheus answers: every panel, and a line for each series."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from monitoring.dashboards import DASHBOARDS, DATABASE, INSTANCE, OVERVIEW
from monitoring.panels import Panel
from monitoring.picture.graph import graph
from monitoring.picture.prometheus import Series, View
from monitoring.picture.units import SCALES, marks, moments, said
from tests.monitoring.recorded import Memory, remembering
from tests.servers import data_folder
from tests.shape.source import ROOT

MINUTES = 5


class Drawn(NamedTuple):
    """A page, and what it was drawn from."""

    text: str
    memory: Memory

    def section(self, panel: Panel) -> str:
        """Return what was drawn of a panel."""
        (found,) = re.findall(rf"<section[^>]*><h2>{re.escape(escape(panel.title))}</h2>.*?</section>", self.text, re.S)
        return str(found)


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with data_folder() as folder, remembering(folder) as running:
        yield running


@pytest.fixture(scope="module")
def drawn(memory: Memory, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return Drawn(draw(memory, tmp_path_factory.mktemp("picture") / "page.html"), memory)


def draw(memory: Memory, file: Path, dashboard: str = "overview") -> str:
    """Draw it as an operator does."""
    until = datetime.fromtimestamp(memory.end, UTC).isoformat()
    words = ("--dashboard", dashboard, "--minutes", str(MINUTES), "--until", until)
    command = [sys.executable, "-m", "monitoring.picture", memory.prometheus.url, str(file), *words]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    return file.read_text(encoding="utf-8")


def series(memory: Memory, expr: str) -> list[dict[str, str]]:
    """Return the labels of each answer that has a number."""
    query = expr.replace("$__rate_interval", "8s")
    span = {"start": memory.end - 60 * MINUTES, "end": memory.end, "step": 2}
    answer = httpx.get(f"{memory.prometheus.url}/api/v1/query_range", params={"query": query, **span}, timeout=20)
    found = answer.raise_for_status().json()["data"]["result"]
    return [each["metric"] for each in found if any(value != "NaN" for _, value in each["values"])]


@pytest.mark.parametrize("panel", OVERVIEW.panels, ids=lambda panel: panel.title)
def test_each_panel_has_a_line_for_each_series(drawn: Drawn, panel: Panel) -> None:
    found = [labels for query in panel.queries for labels in series(drawn.memory, query.expr)]
    section = drawn.section(panel)
    assert found
    assert section.count('class="line"') == len(found)
    assert section.count("<li>") == (0 if panel.is_number else len(found))


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, '#b7791f">99.5 %'), (1, '#1f8a4c">124 ms'), (2, '#2b4a7f">2'), (3, '#b7791f">1')],
)
def test_numbers_have_their_unit_and_the_colour_of_their_threshold(drawn: Drawn, number: int, shown: str) -> None:
    assert shown in drawn.section(OVERVIEW.panels[number])


def test_lines_are_named_as_their_legend_says(drawn: Drawn) -> None:
    section = drawn.section(OVERVIEW.panels[6])
    assert "</i>POST /api/&lt;tasks&gt;</li>" in section
    assert "</i>none</li>" in section


def test_an_alert_that_fired_is_told_and_seen_in_each_graph(drawn: Drawn) -> None:
    assert "<li>TaskApiInstanceIsDown three fired from" in drawn.text
    assert drawn.text.count('<rect class="alert"') == sum(not panel.is_number for panel in OVERVIEW.panels)


def test_the_page_says_what_drew_it_and_fetches_nothing(drawn: Drawn) -> None:
    begin, end = (datetime.fromtimestamp(drawn.memory.end - back, UTC) for back in (60 * MINUTES, 0))
    assert f"<p>{begin:%d %B %Y, %H:%M} to " in drawn.text
    assert f"{end:%H:%M} UTC</p>" in drawn.text
    assert "not by Grafana" in drawn.text
    assert not re.search(r"\b(?:src|href)=|url\(|@import|<script", drawn.text)


def test_a_panel_without_an_answer_says_so(memory: Memory, tmp_path: Path) -> None:
    text = draw(memory, tmp_path / "page.html", "database")
    assert text.count("No data") == len(DATABASE.panels) - 1  # one of them compares statements with requests


def test_the_dashboard_of_one_instance_takes_the_first(memory: Memory, tmp_path: Path) -> None:
    text = draw(memory, tmp_path / "page.html", "instance")
    assert all(escape(panel.title) in text for panel in INSTANCE.panels)
    assert "<h1>Task API: one instance, one</h1>" in text
    assert "2<small>1.2.3</small></strong>" in text


@pytest.mark.parametrize(("missing", "bridges"), [((), 0), ((60, 62), 1), ((0, 120), 0)])
def test_a_line_is_dotted_where_numbers_are_missing(missing: tuple[int, ...], bridges: int) -> None:
    points = tuple((float(moment), 1.0) for moment in range(0, 121, 2) if moment not in missing)
    drawn = graph([Series("one", points)], "short", View(0, 120, 2, 8, ""), [])
    assert drawn.count('class="bridge"') == bridges
    assert drawn.count('class="line"') == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nobody:secret@127.0.0.1"])
def test_a_prometheus_that_is_not_there_is_named_in_one_line(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monitoring.picture", url, str(tmp_path / "page.html")]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{url} does not answer: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.0213, "s", "21.3 ms"),
        (90, "s", "1.5 min"),
        (0.99953, "percentunit", "99.95 %"),
        (1536, "bytes", "1.5 KiB"),
        (12345, "reqps", "12.3 k req/s"),
        (3, "short", "3"),
    ],
)
def test_numbers_are_said_in_the_unit_that_keeps_them_short(value: float, unit: str, text: str) -> None:
    assert said(value, unit) == text


def test_every_unit_of_a_panel_is_known() -> None:
    assert {panel.unit for board in DASHBOARDS for panel in board.panels} <= SCALES.keys()


def test_an_axis_reaches_its_highest_value_in_even_steps() -> None:
    assert [text for _, text in marks(0.33, "s")] == ["0 ms", "100 ms", "200 ms", "300 ms", "400 ms"]
    assert [value for value, _ in marks(0, "short")] == [0, 0.5, 1]
    assert [text for _, text in marks(0.96, "s")] == ["0 s", "0.5 s", "1 s"]
    assert [text for _, text in marks(81, "short")] == ["0", "25", "50", "75", "100"]
    assert marks(2, "reqps")[-1] == (2, "2 req/s")


def test_moments_are_full_minutes_hours_and_days() -> None:
    assert [text for _, text in moments(30, 200)] == ["00:01", "00:02", "00:03"]
    assert [text for _, text in moments(0, 7 * 3600)][:3] == ["00:00", "01:00", "02:00"]
    assert [text for _, text in moments(0, 4 * 86400)][:2] == ["00:00", "12:00"]
