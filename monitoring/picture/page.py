"""A dashboard as HTML: its panels with their lines, on the grid that Grafana puts them on."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from monitoring.panels import WIDTH
from monitoring.picture.graph import colour, graph, runs, spark
from monitoring.picture.prometheus import NAMELESS, Prometheus, Series, View
from monitoring.picture.units import clock, said

STYLE = Path(__file__).with_name("page.css")
PAINTS = {"green": "#1f8a4c", "yellow": "#b7791f", "red": "#cc3340"}
PLAIN = "#2b4a7f"
"""The colour of a number that is neither good nor bad."""

HOW = (
    "Drawn by <code>python -m monitoring.picture</code> from what Prometheus answers to the dashboard's own queries, "
    "not by Grafana. A dotted line bridges a time without a number; red is a time in which an alert fired."
)


def page(board: Mapping[str, Any], prometheus: Prometheus, view: View) -> str:
    """Return the page of a dashboard as Grafana reads it."""
    (annotation,) = board["annotations"]["list"]
    name = f"{annotation['titleFormat']} {annotation['textFormat']}"
    alerts = view.series(prometheus, annotation["expr"], name)
    title = escape(board["title"] + (f", {view.instance}" if len(board["templating"]["list"]) > 1 else ""))
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style></head><body>",
        f"<header><h1>{title}</h1><p>{_when(view)}</p><ul>{''.join(_fired(alerts, view))}</ul></header>",
        f'<main style="grid-template-columns: repeat({WIDTH}, 1fr)">',
        *(_panel(panel, prometheus, view, alerts) for panel in board["panels"]),
        f"</main><footer>{HOW}</footer></body></html>\n",
    ]
    return "\n".join(parts)


def _when(view: View) -> str:
    begin, end = (clock(moment, "%d %B %Y, %H:%M") for moment in (view.begin, view.end))
    return f"{begin} to {end.removeprefix(begin[:-5])} UTC"


def _fired(alerts: Sequence[Series], view: View) -> Iterator[str]:
    for alert in alerts:
        for run in runs(alert.points, view.step):
            begin, end = (clock(moment, "%H:%M:%S") for moment, _ in (run[0], run[-1]))
            yield f"<li>{escape(alert.name)} fired from {begin} to {end}</li>"


def _panel(panel: Mapping[str, Any], prometheus: Prometheus, view: View, alerts: Sequence[Series]) -> str:
    lines = [
        line for target in panel["targets"] for line in view.series(prometheus, target["expr"], target["legendFormat"])
    ]
    place, defaults = panel["gridPos"], panel["fieldConfig"]["defaults"]
    where = f"grid-area: {place['y'] + 1} / {place['x'] + 1} / span {place['h']} / span {place['w']}"
    if not lines:
        inner = '<p class="nothing">No data</p>'
    elif panel["type"] == "stat":
        inner = _numbers(lines, defaults, view)
    else:
        inner = graph(lines, defaults["unit"], view, alerts) + _legend(lines)
    head = f"<h2>{escape(panel['title'])}</h2><p>{escape(panel['description'])}</p>"
    return f'<section class="{panel["type"]}" style="{where}">{head}{inner}</section>'


def _numbers(lines: Sequence[Series], defaults: Mapping[str, Any], view: View) -> str:
    """Return the last value of each line, in the colour that its thresholds give it."""
    shown = []
    for line in lines:
        last = line.points[-1][1]
        paint = _paint(last, defaults.get("thresholds"))
        label = f"<small>{escape(line.name)}</small>" if line.name != NAMELESS else ""
        number = f'<strong style="color: {paint}">{escape(said(last, defaults["unit"]))}{label}</strong>'
        shown.append(number + spark(line, paint, view))
    return "".join(shown)


def _paint(value: float, thresholds: Mapping[str, Any] | None) -> str:
    if thresholds is None:
        return PLAIN
    reached = [step["color"] for step in thresholds["steps"] if step["value"] is None or value >= step["value"]]
    return PAINTS[reached[-1]]


def _legend(lines: Sequence[Series]) -> str:
    entries = [
        f'<li><i style="background: {colour(number)}"></i>{escape(line.name)}</li>' for number, line in enumerate(lines)
    ]
    return f"<ul>{''.join(entries)}</ul>"
