"""Asks the processes of a running server, for commands that want to know something of them or change it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from taskapi.cli.rooms import explained
from taskapi.config import load
from taskapi.kit import inspection

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the server, instead of PORT.")]


def ask_everybody(port: int | None, question: Mapping[str, Any]) -> dict[int, bytes]:
    """Return what the processes behind a port answer, by process id; says who cannot be asked, with exit code 1."""
    with explained():
        port = port or load().server.port
    paths = inspection.sockets_of(port)
    answers, silent = {}, []
    for path in paths:
        try:
            answers[int(path.stem)] = inspection.ask(path, question)
        except (FileNotFoundError, ConnectionRefusedError):
            continue  # of a process that was killed
        except OSError:
            silent.append(path.stem)
    if silent:
        typer.secho(f"These processes do not answer: {', '.join(silent)}.", fg="red", err=True)
    if not answers:
        typer.secho(f"No server of this user can be asked behind port {port}; see --port.", fg="red", err=True)
    if silent or not answers:
        raise typer.Exit(1)
    return answers
