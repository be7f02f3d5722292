"""How a running process is asked about itself: a socket in a folder that only its user may enter.

Each worker listens on one of its own, named after its process id. Questions are short lines of JSON, one to a
connection; the answer is everything until the end. The folder outlives nobody: whoever starts the workers makes it.
"""

import asyncio
import contextlib
import os
import socket
import stat
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from taskapi.kit.telemetry import logger

VARIABLE = "TASKAPI_INSPECTION"
"""Holds the folder's path; set by `serve` for its workers. Not a setting: nobody else has a reason to set it."""

SUFFIX = ".socket"
LAST_SUFFIX = ".last"
"""Of the file in which a process that ends leaves its measurements."""

LONGEST_QUESTION = 4096
MOST_AT_ONCE = 8
SECONDS = 2.0

Question = Mapping[str, Any]
Answer = Callable[[Question], Awaitable[bytes]]


class Refused(Exception):
    """The folder, or what lies in its place, cannot be trusted."""


def make_folder(port: int) -> Path:
    """Make the folder of the processes that this one starts behind `port`; raises Refused if it is somebody else's.

    What one left behind that was killed is cleared away. Others may listen on the same port, at other addresses.
    """
    base = _own(_base())
    for left in base.glob(f"{port}-*"):
        maker = left.name.rpartition("-")[2]
        if maker.isdigit() and not psutil.pid_exists(int(maker)):
            remove_folder(left)
    folder = _own(base / f"{port}-{os.getpid()}")
    _empty(folder)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove it with all in it; whatever keeps it from going is left to the next start."""
    with contextlib.suppress(OSError):
        _empty(folder)
        folder.rmdir()


def sockets_of(port: int) -> list[Path]:
    """Return the sockets behind `port` that the user of this process may use: their own, and as root everybody's."""
    bases = {_base()}
    if os.geteuid() == 0:
        bases |= {*Path(tempfile.gettempdir()).glob("task-api-*"), *Path("/run/user").glob("*/task-api-*")}
    return sorted(path for base in bases for path in base.glob(f"{port}-*/*{SUFFIX}") if path.stem.isdigit())


def ask(path: Path, question: Question, seconds: float = SECONDS) -> bytes:
    """Ask the process behind a socket; raises OSError if it does not answer in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        line.connect(str(path))
        line.sendall(msgspec.json.encode(question) + b"\n")
        parts = []
        while part := line.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


class Inspection:
    """Answers questions, for the length of the block."""

    def __init__(self, answers: Mapping[str, Answer], last: Callable[[], bytes]) -> None:
        """`answers`: by what is asked for; `last`: what to leave when the process ends."""
        self._answers = answers
        self._last = last
        self._inside = 0
        self._folder = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Inspection":
        if self._folder is not None:
            try:
                path = self._folder / f"{os.getpid()}{SUFFIX}"
                self._server = await asyncio.start_unix_server(self._serve, path, limit=LONGEST_QUESTION)
            except OSError as error:
                logger("taskapi.inspection").warning("this process cannot be inspected", reason=error)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is None or self._folder is None:
            return
        with contextlib.suppress(OSError):
            unfinished = self._folder / f"{os.getpid()}.unfinished"
            unfinished.write_bytes(self._last())
            unfinished.rename(unfinished.with_suffix(LAST_SUFFIX))
            (self._folder / f"{os.getpid()}{SUFFIX}").unlink(missing_ok=True)
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._inside += 1
        try:
            if self._inside <= MOST_AT_ONCE:
                async with asyncio.timeout(SECONDS):
                    writer.write(await self._answer(await reader.readline()))
                    await writer.drain()
        except (OSError, ValueError):  # who asks went away, or asks too much
            pass
        finally:
            self._inside -= 1
            writer.close()

    async def _answer(self, line: bytes) -> bytes:
        question = msgspec.json.decode(line, type=dict[str, Any])
        answer = self._answers.get(str(question.get("ask")))
        return b"" if answer is None else await answer(question)


def _base() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"task-api-{os.geteuid()}"


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        entry.unlink(missing_ok=True)


def _own(folder: Path) -> Path:
    """Make a folder, or find it there as it was made."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Refused(f"{folder} is not a folder of this user's alone")
    return folder
