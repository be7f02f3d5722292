"""Writes docs/settings.md and .env.example from the settings: `python -m tests.shape.settings_table`."""

import textwrap
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

import msgspec

from taskapi.config import Settings, Variable, variables
from tests.shape.source import ROOT

NONE = "–"
"""How `variables` shows that there is no default."""

PAGE = ROOT / "docs" / "settings.md"
HEAD = """# Settings

Every setting is an environment variable; a `.env` file in the working directory may hold the same, and the
environment wins. An empty value counts as unset. A wrong value, or an unknown variable that starts with
`TASK_API_`, stops the start and says why. `task-api doctor` looks at the values in use.

`python -m tests.shape.settings_table` writes this page from `src/taskapi/config/settings.py`; a test fails if it lags.
"""


EXAMPLE = ROOT / ".env.example"
EXAMPLE_HEAD = """\
# Every setting with its default. Copy this file to `.env` and uncomment what you change.
# Nothing has to be set: `task-api serve` then starts its own servers and makes its own secret.
"""
EXAMPLE_CONTAINERS = """\
# === Containers (docker compose); the two secrets are required there ===
# Password of PostgreSQL's users `task_api` and `replicator`, letters and digits: `openssl rand -hex 24`.
#DB_PASSWORD=
# Port that nginx is published on; with an address, `127.0.0.1:8080`, to that address only.
#HTTP_PORT=80
# `backup` makes a backup every day: docs/backups.md.
#COMPOSE_PROFILES=
# Tag of the image task-api.
#TASK_API_VERSION=latest
# Password of Grafana's user `admin`, required with monitoring/docker-compose.monitoring.yml: `openssl rand -hex 24`.
#GRAFANA_PASSWORD=
# Port of this machine that Grafana is published on.
#GRAFANA_PORT=3001
"""


def render_page() -> str:
    """Return docs/settings.md: a table for each room, in the order of the code."""
    return "\n".join([HEAD, *(_table(title, rows) for title, rows in _rooms())])


def render_example() -> str:
    """Return .env.example: every setting commented out, with what it means."""
    rooms = [_examples(title, rows) for title, rows in _rooms()]
    return "\n".join([EXAMPLE_HEAD, *rooms, EXAMPLE_CONTAINERS])


def write() -> None:
    """Write both files."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render_page(), encoding="utf-8")
    EXAMPLE.write_text(render_example(), encoding="utf-8")


def _rooms() -> Iterator[tuple[str, list[Variable]]]:
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for room, rows in groupby(variables(), attrgetter("room")):
        yield str(kinds[room].__doc__).strip().removesuffix("."), list(rows)


def _table(title: str, rows: list[Variable]) -> str:
    lines = [f"## {title}", "", "| Variable | Default | Meaning |", "|---|---|---|", *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(variable: Variable) -> str:
    default = variable.default if variable.default == NONE else f"`{variable.default}`"
    return f"| `{variable.name}` | {default} | {variable.description.replace('|', '&#124;')} |"


def _examples(title: str, rows: list[Variable]) -> str:
    return f"# === {title} ===\n" + "".join(map(_example, rows))


def _example(variable: Variable) -> str:
    meaning = textwrap.fill(variable.description, 110, initial_indent="# ", subsequent_indent="# ")
    default = "" if variable.default == NONE else variable.default
    return f"{meaning}\n#{variable.name}={default}\n"


if __name__ == "__main__":
    write()
