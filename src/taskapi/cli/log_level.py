"""`task-api log-level`: from which level on a running server writes log lines."""

from typing import Annotated

import typer

from taskapi.cli.asking import Port, ask_everybody, printable
from taskapi.config import Level


def log_level(
    level: Annotated[Level | None, typer.Argument(help="Write lines of this level and of more severe ones.")] = None,
    port: Port = None,
) -> None:
    """Show from which level on a running server writes log lines, or change that until it is restarted."""
    question = {"ask": "log-level"} | ({} if level is None else {"level": level})
    for process, answer in ask_everybody(port, question, str).items():
        typer.echo(printable(f"process {process}: {answer}"))
