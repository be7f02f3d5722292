"""Backups as a habit: an old one goes only when a whole new one is there, and a failure stops nothing."""

import asyncio
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from structlog.testing import capture_logs

from taskapi.backup import keeping, shelf
from taskapi.backup.archive import opened_archive
from taskapi.backup.keeping import LOOK_SECONDS, RETRY_SECONDS, Unseen, repeat, save_into
from taskapi.backup.model import BackupDamaged, Manifest, Progress
from taskapi.backup.saving import save
from tests.backup.test_shelf import NOON, names, shelve

HOUR = timedelta(hours=1)


class Ended(BaseException):
    """The test has seen enough."""


class Days:
    """A clock that moves only while somebody rests, and backups that are made by it, or not."""

    def __init__(self, newest: datetime | None = None, failing: Sequence[int] = ()) -> None:
        self.now = NOON
        self.newest = newest
        self.runs: list[datetime] = []
        self.rests: list[float] = []
        self._failing = failing

    async def work(self) -> None:
        """Make a backup, unless this run is to fail."""
        self.runs.append(self.now)
        if len(self.runs) - 1 in self._failing:
            raise OSError("no room")
        self.newest = self.now

    async def rest(self, seconds: float) -> None:
        """Let time pass; five days are enough."""
        self.rests.append(seconds)
        self.now += timedelta(seconds=seconds)
        if self.now >= NOON + timedelta(days=5):
            raise Ended

    def pass_by(self) -> list[timedelta]:
        """Return when backups were begun."""
        with pytest.raises(Ended):
            asyncio.run(repeat(self.work, lambda now: self.newest, 24 * HOUR, lambda: self.now, self.rest))
        return [moment - NOON for moment in self.runs]


def test_there_is_a_backup_at_once_and_then_every_day_at_the_same_time() -> None:
    assert Days().pass_by() == [day * 24 * HOUR for day in range(5)]


def test_a_restart_makes_none_before_it_is_due() -> None:
    seconds = timedelta(seconds=17)
    assert Days(newest=NOON - 20 * HOUR + seconds).pass_by()[:2] == [4 * HOUR + seconds, 28 * HOUR + seconds]


def test_what_was_missed_is_made_at_once() -> None:
    assert Days(newest=NOON - 90 * HOUR).pass_by()[0] == timedelta(0)


def test_a_clock_that_is_set_is_noticed_within_a_minute() -> None:
    days = Days(newest=NOON)
    days.pass_by()
    assert max(days.rests) <= LOOK_SECONDS


def test_a_failure_is_logged_each_time_and_tried_again_soon() -> None:
    days = Days(failing=(0, 1))
    with capture_logs() as logs:
        runs = days.pass_by()
    retry = timedelta(seconds=RETRY_SECONDS)
    assert runs[:4] == [timedelta(0), retry, 2 * retry, 2 * retry + 24 * HOUR]
    told = {"event": "backup failed", "log_level": "error", "again_in_seconds": RETRY_SECONDS}
    assert [{**line, "reason": str(line["reason"])} for line in logs] == [told | {"reason": "no room"}] * 2


def test_a_folder_that_cannot_be_read_is_a_failure_like_any_other() -> None:
    days = Days()

    def unreadable(now: datetime) -> datetime | None:
        raise PermissionError("not yours")

    with capture_logs() as logs, pytest.raises(Ended):
        asyncio.run(repeat(days.work, unreadable, 24 * HOUR, lambda: days.now, days.rest))
    assert isinstance(logs[0]["reason"], PermissionError)
    assert set(days.rests) == {RETRY_SECONDS}


def into(url: str, folder: Path, keep: int | None) -> keeping.Saved:
    """Save into a folder."""
    return asyncio.run(save_into(url, folder, keep, datetime.now(UTC), Unseen()))


def test_a_run_leaves_the_newest_and_says_what_went(url: str, tmp_path: Path) -> None:
    old = [shelve(tmp_path, NOON - days * 24 * HOUR) for days in (1, 2, 3)]
    saved = into(url, tmp_path, 2)
    assert saved.given_up == old[1:]
    assert names(tmp_path) == {saved.path.name, old[0].name}
    assert shelf.newest(tmp_path, datetime.now(UTC)) is not None


def test_without_a_number_everything_is_kept(url: str, tmp_path: Path) -> None:
    old = {shelve(tmp_path, NOON - days * 24 * HOUR).name for days in (1, 2, 3)}
    made = into(url, tmp_path, None).path.name
    assert names(tmp_path) == old | {made}


def test_a_run_that_fails_deletes_nothing(tmp_path: Path) -> None:
    old = {shelve(tmp_path, NOON - days * 24 * HOUR).name for days in (1, 2, 3)}
    with pytest.raises(OSError, match="Connect call failed"):
        into("postgresql://nobody@127.0.0.1:1/nothing", tmp_path, 1)
    assert names(tmp_path) == old


def spoil(path: Path) -> None:
    """Change the first byte of the first table, as a bad disk does; the file still opens."""
    with ZipFile(path) as archive:
        head = archive.infolist()[0]
    whole = path.read_bytes()
    names_end = head.header_offset + 26
    place = names_end + 4 + sum(struct.unpack_from("<HH", whole, names_end))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
    with opened_archive(path):
        pass


def test_a_new_backup_that_is_not_whole_goes_and_the_old_ones_stay(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {shelve(tmp_path, NOON - days * 24 * HOUR).name for days in (1, 2, 3)}

    async def save_on_a_bad_disk(database_url: str, path: Path, progress: Progress) -> Manifest:
        manifest = await save(database_url, path, progress)
        spoil(path)
        return manifest

    monkeypatch.setattr(keeping, "save", save_on_a_bad_disk)
    with pytest.raises(BackupDamaged):
        into(url, tmp_path, 1)
    assert names(tmp_path) == old
