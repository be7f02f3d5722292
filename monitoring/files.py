"""The files that are made: each dashboard as Grafana reads it, and all rules as one object of Kubernetes."""

import json
from pathlib import Path
from typing import Any

import yaml

from monitoring.dashboards import DASHBOARDS

HERE = Path(__file__).parent
RULES = HERE / "rules"
BOARDS = HERE / "grafana" / "dashboards"
IN_KUBERNETES = HERE.parent / "k8s" / "components" / "metrics" / "rules.yaml"
HEAD = "# monitoring/rules as Prometheus' operator wants them; `python -m monitoring` writes this file.\n"


def rendered() -> dict[Path, str]:
    """Return the text of each file."""
    boards = {BOARDS / f"{board.name}.json": _json(board.rendered()) for board in DASHBOARDS}
    return boards | {IN_KUBERNETES: HEAD + _yaml(prometheus_rule())}


def groups() -> list[dict[str, Any]]:
    """Return the groups of all rule files."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yml"))]
    return [group for file in files for group in file["groups"]]


def prometheus_rule() -> dict[str, Any]:
    """Return the object that brings the rules to Prometheus' operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "task-api", "labels": {"app": "task-api"}},
        "spec": {"groups": groups()},
    }


def _json(tree: dict[str, Any]) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _yaml(tree: dict[str, Any]) -> str:
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=120))
