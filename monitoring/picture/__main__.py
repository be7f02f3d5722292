"""`python -m monitoring.picture URL FILE`: asks Prometheus what a dashboard asks and draws the answers as one page."""

import argparse
import time
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

from monitoring.dashboards import DASHBOARDS
from monitoring.picture.page import page
from monitoring.picture.prometheus import Prometheus, Unanswered, View

BOARDS = {board.name: board for board in DASHBOARDS}


def main() -> None:
    """Draw it."""
    wanted = _wanted()
    until = time.time() if wanted.until is None else _moment(wanted.until)
    try:
        prometheus = Prometheus(wanted.url)
        view = View.of(prometheus, until - 60 * wanted.minutes, until, wanted.instance)
        text = page(BOARDS[wanted.dashboard].rendered(), prometheus, view)
    except (OSError, HTTPException, Unanswered) as error:
        raise SystemExit(f"{wanted.url} does not answer: {error}") from None
    wanted.file.write_text(text, encoding="utf-8")


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m monitoring.picture", description=__doc__)
    parser.add_argument("url", help="where Prometheus is, such as http://127.0.0.1:9090")
    parser.add_argument("file", type=Path, help="the page that is written")
    parser.add_argument("--dashboard", choices=BOARDS, default="overview")
    parser.add_argument("--minutes", type=float, default=60, help="how long it looks back")
    parser.add_argument("--until", help="the end, if it is not now, such as 2026-01-31T12:00Z")
    parser.add_argument("--instance", help="which one, for the dashboard of one instance; otherwise the first")
    return parser.parse_args()


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


if __name__ == "__main__":
    main()
