"""Asks the processes of a running server, for commands that want to know something of them or change it."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from taskapi.cli.rooms import explained
from taskapi.config import load
from taskapi.kit import inspection

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the server, instead of PORT.")]


Answer = TypeVar("Answer")


def ask_everybody(port: int | None, question: Mapping[str, Any], kind: type[Answer]) -> dict[int, Answer]:
    """Return what the processes behind a port answer, by process id; says who cannot be asked, with exit code 1.

    An answer that is not of its kind is none: root may ask a process that somebody else made.
    """
    with explained():
        port = port or load().server.port
    paths = inspection.sockets_of(port)
    answers, silent = {}, []
    for path in paths:
        try:
            answers[int(path.stem)] = msgspec.json.decode(inspection.ask(path, question), type=kind)
        except (FileNotFoundError, ConnectionRefusedError):
            continue  # of a process that was killed
        except (OSError, ValueError, RecursionError):
            silent.append(path.stem)
    if silent:
        typer.secho(f"These processes do not answer: {', '.join(silent)}.", fg="red", err=True)
    if not answers:
        typer.secho(f"No server of this user can be asked behind port {port}; see --port.", fg="red", err=True)
    if silent or not answers:
        raise typer.Exit(1)
    return answers


def printable(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(character for character in text if character.isprintable() or character == "\n")
