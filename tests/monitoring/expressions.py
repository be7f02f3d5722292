"""What rules and dashboards ask Prometheus, and which metrics they name."""

import re
from collections.abc import Iterator
from typing import Any

from monitoring.dashboards import DASHBOARDS
from monitoring.files import groups
from taskapi.app import App
from taskapi.kit.metrics import Kind
from taskapi.kit.metrics.gathering import OF_THE_PARENT
from tests.shape.metrics_table import NOWHERE

FOREIGN = {
    "up",
    "ALERTS",
    "probe_ssl_earliest_cert_expiry",
    "probe_success",
    "kube_cronjob_status_last_successful_time",
    "kube_cronjob_created",
}
"""Of Prometheus itself, of the blackbox exporter and of kube-state-metrics."""

SELECTED = re.compile(r"\b([a-zA-Z_]\w*)\{")
RECORDED = re.compile(r"\b([a-z]\w*:[\w:]+)")

RULES: list[dict[str, Any]] = [rule for group in groups() for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"] for rule in RULES if "record" in rule}


def asked() -> Iterator[tuple[str, str]]:
    """Yield every expression, with where it stands."""
    for rule in RULES:
        yield str(rule.get("alert", rule.get("record"))), str(rule["expr"])
    for board in DASHBOARDS:
        for panel in board.panels:
            for query in panel.queries:
                yield f"{board.title}: {panel.title}", query.expr


def shown() -> set[str]:
    """Return the names of all series that the program shows."""
    names = set()
    for head in (*App(NOWHERE).measures.instruments.heads, *OF_THE_PARENT):
        if head.kind is Kind.HISTOGRAM:  # by its own name where it is a native one
            names |= {head.name, *(f"{head.name}_{part}" for part in ("bucket", "count", "sum"))}
        else:
            names.add(f"{head.name}_total" if head.kind is Kind.COUNTER else head.name)
    return names
