"""Asks all workers what they measured, and remembers what those counted that are gone: a total never falls."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

import msgspec
from msgspec import structs

from taskapi.kit import inspection
from taskapi.kit.metrics.families import Family, Kind, Snapshot, merged, what_lasts

MOST_ASKED_AT_ONCE = 16
QUESTION = {"ask": "metrics"}
PROCESSES = Family("task_api_processes", "Processes that answer requests.", ("version",), Kind.SUM)
SILENT = Family("task_api_silent_processes", "Workers that should be there and do not answer.", (), Kind.SUM)
ENDED = Family("task_api_workers_ended", "Workers that ended though nobody had stopped them.", (), Kind.COUNTER)
OF_THE_PARENT = (SILENT, ENDED)
"""What whoever started the workers knows better than they."""


class Absence(Enum):
    """Why a worker told nothing."""

    GONE = "gone"
    SILENT = "silent"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encoded(snapshot: Snapshot) -> bytes:
    """Return a snapshot as it goes from a worker to whoever gathers."""
    return _encoder.encode(snapshot)


class Gathering:
    """What the workers behind one folder of sockets measured together."""

    def __init__(self, folder: Path, *, workers: int, version: str, ended: Callable[[], int]) -> None:
        """`workers`: how many there should be, seen or not; `ended`: tells how many have ended unasked so far."""
        self._folder = folder
        self._workers = workers
        self._count_ended = ended
        self._nobody: Snapshot = [structs.replace(PROCESSES, values={(version,): 0})]
        """Is always there, so that nobody's answer is told from "not measured"."""
        self._lock = threading.Lock()
        self._latest: dict[str, Snapshot] = {}
        """Of each worker that is there, by process id."""
        self._ended: Snapshot = []
        """Of all that are gone, what still counts."""

    def gather(self) -> Snapshot:
        """Ask everybody at once, each for at most `inspection.SECONDS`."""
        with self._lock:
            sockets = {path.stem: path for path in self._folder.glob(f"*{inspection.SUFFIX}")}
            with ThreadPoolExecutor(MOST_ASKED_AT_ONCE) as threads:
                answers = dict(zip(sockets, threads.map(_ask, sockets.values()), strict=True))
            self._latest |= {name: answer for name, answer in answers.items() if isinstance(answer, list)}
            for path in self._folder.glob(f"*{inspection.LAST_SUFFIX}"):
                self._latest[path.stem] = _decoder.decode(path.read_bytes())
                path.unlink()
                answers.pop(path.stem, None)
            for name in self._latest.keys() - {name for name, answer in answers.items() if answer is not Absence.GONE}:
                self._ended = merged([self._ended, what_lasts(self._latest.pop(name))])
            answered = sum(isinstance(answer, list) for answer in answers.values())
            silent = structs.replace(SILENT, values={(): max(0, self._workers - answered)})
            ended = structs.replace(ENDED, values={(): self._count_ended()})
            return [*merged([self._nobody, self._ended, *self._latest.values()]), silent, ended]


def _ask(path: Path) -> Snapshot | Absence:
    try:
        return _decoder.decode(inspection.ask(path, QUESTION))
    except (FileNotFoundError, ConnectionRefusedError):
        path.unlink(missing_ok=True)
        return Absence.GONE
    except (OSError, msgspec.DecodeError):
        return Absence.SILENT
