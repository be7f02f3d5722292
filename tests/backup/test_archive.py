"""A backup is whole or refused, and nothing that is not whole ever has its name."""

import stat
from pathlib import Path

import pytest

from taskapi.backup.archive import new_archive
from taskapi.backup.model import BackupDamaged, BackupTooNew
from taskapi.backup.verification import verify
from tests.backup.stage import Watch, rows, saved
from tests.servers import Servers


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> bytes:
    """A small backup's bytes."""
    url = servers.create_migrated_database()
    rows(url, "INSERT INTO users VALUES (gen_random_uuid(), 'ada@example.org', 'Ada', 'user', now(), NULL, 1)")
    path = tmp_path_factory.mktemp("whole") / "saved.zip"
    saved(url, path)
    return path.read_bytes()


def test_a_backup_is_for_its_owner_alone(url: str, path: Path) -> None:
    saved(url, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_backup_overwrites_nothing(url: str, path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="is there already"):
        saved(url, path)
    assert path.read_text() == "precious"
    assert list(path.parent.iterdir()) == [path]


def test_what_appears_under_the_name_meanwhile_is_not_overwritten(url: str, path: Path) -> None:
    with pytest.raises(FileExistsError):
        saved(url, path, at=lambda table: path.write_text("precious"))
    assert path.read_text() == "precious"
    assert list(path.parent.iterdir()) == [path]


def test_until_it_is_whole_a_backup_has_another_name(url: str, path: Path) -> None:
    seen: set[bool] = set()
    saved(url, path, at=lambda table: seen.add(path.exists()))
    assert seen == {False}
    assert path.exists()


def test_what_fails_leaves_no_file(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_archive(path) as archive, archive.table("users") as write:
        write(b"half" * (1 // 0))
    assert not list(path.parent.iterdir())


def test_every_cut_is_noticed(whole: bytes, path: Path) -> None:
    for length in [*range(0, len(whole), 211), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(BackupDamaged):
            verify(path, Watch())


def test_every_changed_byte_is_noticed_or_changes_nothing(whole: bytes, path: Path) -> None:
    path.write_bytes(whole)
    manifest = verify(path, Watch())
    noticed = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert verify(path, Watch()) == manifest, f"byte {place} of {len(whole)}"
        except (BackupDamaged, BackupTooNew):
            noticed += 1
    assert noticed > len(whole) / 3 / 2


def test_what_was_appended_is_noticed_or_changes_nothing(whole: bytes, path: Path) -> None:
    path.write_bytes(whole + b"\0" * 100_000)
    with pytest.raises(BackupDamaged):
        verify(path, Watch())


@pytest.mark.parametrize("text", ["", "CREATE TABLE users ();", "PK\x03\x04"])
def test_another_file_is_no_backup(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(BackupDamaged, match="no backup"):
        verify(path, Watch())
