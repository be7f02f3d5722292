"""Dashboards as data, and how Grafana wants them written."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, GRAPH, NUMBER = 24, (12, 8), (6, 4)
"""Columns of the grid, and columns and rows of a panel."""

TAG = "task-api"


class Query(NamedTuple):
    """One question, and how its answers are named."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One picture; the title is what it answers, the unit is Grafana's word."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    hint: str = ""
    """What a healthy one looks like, or what to look at next."""
    is_number: bool = False
    limits: tuple[float, float] | None = None
    """From where on a number is yellow and red; the second is less where less is worse."""


class Dashboard(NamedTuple):
    """One page."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    is_of_one_instance: bool = False

    def rendered(self) -> dict[str, Any]:
        """Return what Grafana reads."""
        return {
            "uid": f"task-api-{self.name}",
            "title": f"Task API: {self.title}",
            "tags": [TAG],
            "schemaVersion": 39,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "",
            "links": [{"type": "dashboards", "tags": [TAG], "title": "Others", "asDropdown": True, "keepTime": True}],
            "annotations": {"list": [_ALERTS]},
            "templating": {"list": [_DATASOURCE, *([_INSTANCE] if self.is_of_one_instance else [])]},
            "panels": list(_placed(self.panels)),
        }


_ALERTS = {
    "name": "Alerts that fire",
    "datasource": SOURCE,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertname=~"TaskApi.*", alertstate="firing"}',
    "titleFormat": "{{alertname}}",
    "textFormat": "{{instance}}",
}
_DATASOURCE = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
_INSTANCE = {
    "name": "instance",
    "label": "Instance",
    "type": "query",
    "datasource": SOURCE,
    "query": {"query": 'label_values(up{job="task-api"}, instance)', "refId": "instance"},
    "refresh": 2,
    "sort": 1,
}


def _placed(panels: tuple[Panel, ...]) -> Iterator[dict[str, Any]]:
    """Put panels beside each other as long as there is room, numbers and graphs in rows of their own."""
    x = y = height = 0
    for number, panel in zip(count(1), panels, strict=False):
        columns, rows = NUMBER if panel.is_number else GRAPH
        if x + columns > WIDTH or rows != height:
            x, y = 0, y + height
        height = rows
        yield _panel(panel, number, {"x": x, "y": y, "w": columns, "h": rows})
        x += columns


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.limits is not None:
        defaults["thresholds"] = {"mode": "absolute", "steps": _steps(*panel.limits)}
    if not panel.is_number:
        defaults["custom"] = {"fillOpacity": 8, "showPoints": "never", "spanNulls": True}
    return {
        "id": number,
        "type": "stat" if panel.is_number else "timeseries",
        "title": panel.title,
        "description": panel.hint,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _NUMBER if panel.is_number else _GRAPH,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend}
            for index, query in enumerate(panel.queries)
        ],
    }


_NUMBER = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
_GRAPH = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


def _steps(yellow: float, red: float) -> list[dict[str, Any]]:
    if yellow <= red:
        return [
            {"color": "green", "value": None},
            {"color": "yellow", "value": yellow},
            {"color": "red", "value": red},
        ]
    return [{"color": "red", "value": None}, {"color": "yellow", "value": red}, {"color": "green", "value": yellow}]
