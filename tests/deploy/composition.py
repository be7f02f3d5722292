"""Reads the compose files as Docker does, far enough to look at them: variables, merges, one file upon another."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.shape.source import ROOT

BASE = ROOT / "docker-compose.yml"
DEVELOPMENT = ROOT / "docker-compose.dev.yml"
SCALE = ROOT / "docker-compose.scale.yml"
TLS = ROOT / "nginx" / "docker-compose.tls.yml"
PROMOTED = ROOT / "postgres" / "docker-compose.promoted.yml"
MONITORING = ROOT / "monitoring" / "docker-compose.monitoring.yml"
FILES = (BASE, DEVELOPMENT, SCALE, TLS, PROMOTED, MONITORING)

SECRETS = {
    "DB_PASSWORD": "0123456789abcdef",
    "JWT_SECRET": "0123456789abcdef" * 3,
    "TLS_CERTIFICATES": "/certificates",
    "GRAFANA_PASSWORD": "0123456789abcdef",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")

Tree = dict[str, Any]


class Unset(Exception):
    """A variable that has to be set is not."""


def load(*paths: Path, variables: Mapping[str, str] = SECRETS) -> Tree:
    """Return what the files say together; raises Unset."""
    merged: Tree = {}
    for path in paths:
        merged = _merged(merged, yaml.safe_load(_interpolated(_without_comments(path), variables)))
    return merged


def services(*paths: Path) -> dict[str, Tree]:
    """Return the services of the files."""
    found: dict[str, Tree] = load(*paths)["services"]
    return found


def seconds(duration: str) -> int:
    """Return the seconds of a duration such as `1m30s`."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([hms])", duration))


def _without_comments(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _interpolated(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name in variables:
            return variables[name]
        if kind == "-":
            return str(rest)
        raise Unset(name)

    return VARIABLE.sub(value, text)


def _merged(below: Tree, above: Tree) -> Tree:
    result = dict(below)
    for name, value in above.items():
        present = result.get(name)
        if isinstance(present, dict) and isinstance(value, dict):
            result[name] = _merged(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            result[name] = [*present, *value]
        else:
            result[name] = value
    return result
