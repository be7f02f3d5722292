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
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
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

NAMED = "task-api-"
"""What the folder of a user's servers is called, before the user's number."""

OF_USERS = Path("/run/user")
"""Where each user's XDG_RUNTIME_DIR is as a rule."""

LONGEST_QUESTION = 4096
LONGEST_ANSWER = 16 * 1024 * 1024
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
    """Return the sockets behind `port` that the user of this process may use: their own, and as root everybody's.

    Anybody may make a folder of any name where those for temporary files are, so one counts only if it is its owner's.
    """
    return sorted({path for base, owner in _bases() for path in _sockets_in(base, owner, port)})


def ask(path: Path, question: Question, seconds: float = SECONDS) -> bytes:
    """Ask the process behind a socket; raises OSError if its whole answer is not there in time, or has no end."""
    deadline = time.monotonic() + seconds
    answer = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        line.connect(str(path))
        line.sendall(msgspec.json.encode(question) + b"\n")
        while part := _received(line, deadline):
            answer += part
            if len(answer) > LONGEST_ANSWER:
                raise OSError(f"the answer has more than {LONGEST_ANSWER} bytes")
    return bytes(answer)


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
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"{NAMED}{os.geteuid()}"


def _bases() -> Iterator[tuple[Path, int]]:
    """Yield where servers may have made their folders, whatever was set where they started, each with its owner."""
    user, temporary = os.geteuid(), Path(tempfile.gettempdir())
    for place in {_base().parent, temporary, OF_USERS / str(user)}:
        yield place / f"{NAMED}{user}", user
    if user == 0:
        for base in (*temporary.glob(f"{NAMED}*"), *OF_USERS.glob(f"*/{NAMED}*")):
            owner = base.name.removeprefix(NAMED)
            if _is_number(owner):
                yield base, int(owner)


def _sockets_in(base: Path, owner: int, port: int) -> Iterator[Path]:
    if _is_closed(base, owner):
        for folder in base.glob(f"{port}-*"):
            if _is_closed(folder, owner):
                yield from (
                    path for path in folder.glob(f"*{SUFFIX}") if _is_number(path.stem) and _listens(path, owner)
                )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_closed(folder: Path, owner: int) -> bool:
    """Say whether this is a folder, not a link to one, that nobody but its owner may enter."""
    found = _found(folder)
    return found is not None and stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077


def _listens(path: Path, owner: int) -> bool:
    found = _found(path)
    return found is not None and stat.S_ISSOCK(found.st_mode) and found.st_uid == owner


def _found(path: Path) -> os.stat_result | None:
    with contextlib.suppress(OSError):
        return path.lstat()
    return None


def _received(line: socket.socket, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer takes too long")
    line.settimeout(left)
    return line.recv(1 << 16)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        entry.unlink(missing_ok=True)


def _own(folder: Path) -> Path:
    """Make a folder, or find it there as it was made."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not _is_closed(folder, os.geteuid()):
        raise Refused(f"{folder} is not a folder of this user's alone")
    return folder
