"""Which files of a folder are backups, which is the newest, and which are given up."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskapi.backup import shelf
from taskapi.backup.archive import new_archive
from taskapi.backup.model import FORMAT, Manifest
from taskapi.migrations import run

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def shelve(folder: Path, moment: datetime, form: int = FORMAT) -> Path:
    """Put a whole backup of an empty database into the folder."""
    path = folder / shelf.name_of(moment)
    with new_archive(path) as archive:
        archive.finish(Manifest(form, "0.1.0", run.steps()[-1], moment, "18.6", ()))
    return path


def cut(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def names(folder: Path) -> set[str]:
    """Return what is in a folder."""
    return {path.name for path in folder.iterdir()}


def test_an_empty_folder_has_no_newest(tmp_path: Path) -> None:
    assert shelf.newest(tmp_path, NOON) is None


def test_the_newest_is_found_by_the_moment_in_its_name(tmp_path: Path) -> None:
    younger, older = (shelve(tmp_path, NOON - age) for age in (DAY, 2 * DAY))
    os.utime(younger, (0, 0))
    assert older.exists()
    assert shelf.newest(tmp_path, NOON) == NOON - DAY


@pytest.mark.parametrize(
    "name",
    [
        "task-api-20261129T110000Z.zip.abcd1234.part",
        "task-api-20261129T110000Z.zip.part",
        "copy-of-task-api-20261129T110000Z.zip",
        "task-api-20261329T110000Z.zip",
        "task-api-2026112T110000Z.zip",
    ],
)
def test_another_name_is_no_backup_and_is_never_deleted(tmp_path: Path, name: str) -> None:
    shelve(tmp_path, NOON - DAY).rename(tmp_path / name)
    made = shelve(tmp_path, NOON)
    assert shelf.newest(tmp_path, NOON - timedelta(seconds=1)) is None
    assert shelf.give_up(tmp_path, 1, made) == []
    assert names(tmp_path) == {name, made.name}


def test_half_a_backup_is_none_whatever_its_name(tmp_path: Path) -> None:
    shelve(tmp_path, NOON - DAY)
    cut(shelve(tmp_path, NOON))
    assert shelf.newest(tmp_path, NOON) == NOON - DAY


def test_a_backup_from_the_future_is_not_the_newest(tmp_path: Path) -> None:
    shelve(tmp_path, NOON + 365 * DAY)
    shelve(tmp_path, NOON)
    assert shelf.newest(tmp_path, NOON) == NOON


def test_a_backup_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    shelve(tmp_path, NOON - DAY, FORMAT + 1)
    made = shelve(tmp_path, NOON)
    assert shelf.give_up(tmp_path, 1, made) == []


def test_the_oldest_are_given_up(tmp_path: Path) -> None:
    paths = [shelve(tmp_path, NOON - day * DAY) for day in range(5)]
    assert shelf.give_up(tmp_path, 3, paths[0]) == paths[3:]
    assert names(tmp_path) == {path.name for path in paths[:3]}


def test_half_backups_do_not_push_out_whole_ones(tmp_path: Path) -> None:
    paths = [shelve(tmp_path, NOON - day * DAY) for day in range(5)]
    cut(paths[1])
    cut(paths[2])
    assert shelf.give_up(tmp_path, 2, paths[0]) == paths[4:]
    assert names(tmp_path) == {path.name for path in paths[:4]}


def test_the_one_just_made_stays_even_if_others_claim_to_be_newer(tmp_path: Path) -> None:
    future = [shelve(tmp_path, NOON + day * DAY) for day in (1, 2)]
    made = shelve(tmp_path, NOON)
    assert shelf.give_up(tmp_path, 2, made) == future[:1]
    assert names(tmp_path) == {made.name, future[1].name}


def test_what_killed_runs_left_is_cleared_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    name = shelf.name_of(NOON)
    for kept in (f"{name}.under1.part", "mine.part"):
        (tmp_path / kept).write_text("half")
    for old in (f"{name}.killed.part", "mine.part"):
        (tmp_path / old).write_text("half")
        os.utime(tmp_path / old, (0, 0))
    shelf.clear_abandoned(tmp_path)
    assert names(tmp_path) == {f"{name}.under1.part", "mine.part"}
