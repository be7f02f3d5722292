"""A folder of backups, each named for its moment: which is the newest, and which are given up.

A file counts only if its whole name is a moment and it opens as a backup. What is being written has another name; what
is broken, or of a newer release, is neither counted nor deleted: a person has to look at it.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from taskapi.backup.archive import opened_archive
from taskapi.backup.model import BackupDamaged, BackupTooNew

NAME = "task-api-%Y%m%dT%H%M%SZ.zip"
UNFINISHED = re.compile(r"task-api-\d{8}T\d{6}Z\.zip\.\w+\.part")
ABANDONED_SECONDS = 3600
"""Nobody writes any more at what was not written to for so long: a backup gives up after a minute of silence."""


def name_of(moment: datetime) -> str:
    """Return the name of a backup that is begun at this moment."""
    return f"{moment.astimezone(UTC):{NAME}}"


def newest(folder: Path, now: datetime) -> datetime | None:
    """Return the moment of the newest backup; one from the future was named by a wrong clock and says nothing."""
    return next((moment for moment, path in _named(folder) if moment <= now and _opens(path)), None)


def give_up(folder: Path, keep: int, made: Path) -> list[Path]:
    """Delete all but the newest `keep` backups, never the one just `made`, and return what is gone."""
    others = [path for _, path in _named(folder) if path != made and _opens(path)]
    gone = others[max(0, keep - 1) :]
    for path in gone:
        discard(path)
    return gone


def discard(path: Path) -> None:
    """Delete a file, which another run may have done already."""
    path.unlink(missing_ok=True)


def clear_abandoned(folder: Path) -> None:
    """Delete what killed runs left half written: it takes the room of the next backup."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
            discard(path)


def _named(folder: Path) -> Iterator[tuple[datetime, Path]]:
    """Yield the files that are named for a moment, the newest first."""
    for path in sorted(folder.iterdir(), reverse=True):
        moment = _moment(path.name)
        if moment is not None:
            yield moment, path


def _moment(name: str) -> datetime | None:
    try:
        moment = datetime.strptime(name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if name_of(moment) == name else None


def _opens(path: Path) -> bool:
    try:
        with opened_archive(path):
            return True
    except (BackupDamaged, BackupTooNew, OSError):
        return False
