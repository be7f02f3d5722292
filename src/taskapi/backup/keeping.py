"""Backups as a habit: into a folder that keeps so many of them, once or again and again.

An old backup is deleted only after the new one has been read back to its end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from taskapi.backup import shelf
from taskapi.backup.model import BackupDamaged, Manifest, Progress
from taskapi.backup.saving import save
from taskapi.backup.verification import reading
from taskapi.kit.clock import Clock
from taskapi.kit.telemetry import logger

LOOK_SECONDS = 60.0
"""How long it rests at most: the clock may be set, or the machine may have slept."""

RETRY_SECONDS = 300.0
"""How long after a failure it is tried again."""


class Saved(NamedTuple):
    """What one run did."""

    path: Path
    manifest: Manifest
    given_up: list[Path]


async def save_into(database_url: str, folder: Path, keep: int | None, moment: datetime, progress: Progress) -> Saved:
    """Save the database into a folder of backups; `keep`: how many are there afterwards at most, or all."""
    path = folder / shelf.name_of(moment)
    if keep is None:
        return Saved(path, await save(database_url, path, progress), [])
    shelf.clear_abandoned(folder)
    manifest = await save(database_url, path, progress)
    await _read_back(path)
    return Saved(path, manifest, shelf.give_up(folder, keep, path))


async def _read_back(path: Path) -> None:
    """Make sure of a new backup; one that is not whole does not stay, or it would be taken for the newest."""
    try:
        for _ in reading(path, Unseen()):
            await asyncio.sleep(0)  # so that it can be stopped
    except BackupDamaged:
        shelf.discard(path)
        raise


async def repeat(
    work: Callable[[], Awaitable[object]],
    newest: Callable[[datetime], datetime | None],
    period: timedelta,
    clock: Clock,
    rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Do `work` whenever the `newest` backup is a `period` old, for ever; every failure is logged."""
    while True:
        seconds = LOOK_SECONDS
        try:
            remaining = _remaining(newest(now := clock()), period, now)
            if remaining > 0:
                seconds = min(seconds, remaining)
            else:
                await work()
        except Exception as error:
            seconds = RETRY_SECONDS
            logger("taskapi.backup").error("backup failed", reason=error, again_in_seconds=seconds)
        await rest(seconds)


def _remaining(newest: datetime | None, period: timedelta, now: datetime) -> float:
    return 0.0 if newest is None else (newest + period - now).total_seconds()


class Unseen:
    """Progress that nobody watches."""

    def begin(self, table: str, rows: int | None) -> None:
        """Show nothing."""

    def advance(self, rows: int) -> None:
        """Show nothing."""
