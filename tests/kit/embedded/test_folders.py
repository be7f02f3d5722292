import os
import stat
from pathlib import Path

import pytest

from taskapi.kit.embedded.account import Account, server_account
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.folders import Folders, data_folder, prepare, private_folder, socket_folder
from tests.kit.embedded.privilege import needs_root


def mode(path: Path) -> int:
    """The permissions of a path."""
    return stat.S_IMODE(path.stat().st_mode)


def test_the_configured_folder_wins_and_becomes_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert data_folder(Path("data")) == folder / "data"


def test_without_one_root_uses_the_systems_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_folder(None) == Path("/var/lib/task-api")


def test_without_one_a_person_uses_the_xdg_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/srv/ada")
    monkeypatch.setenv("XDG_DATA_HOME", "/data/ada")
    assert data_folder(None) == Path("/data/ada/task-api")
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    assert data_folder(None) == Path("/srv/ada/.local/share/task-api")


def test_a_person_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(StartFailed, match="set TASK_API_DATA_DIR"):
        data_folder(None)


def test_the_data_folder_is_closed_to_others_whatever_the_umask(folder: Path, account: Account | None) -> None:
    before = os.umask(0o002)
    try:
        place = prepare(folder / "some" / "where", account)
        sockets = socket_folder(place, account)
    finally:
        os.umask(before)
    assert mode(place.root) == (0o700 if account is None else 0o711)
    assert (mode(place.logs), mode(sockets)) == (0o700, 0o700)


def test_a_file_in_the_folders_place_is_explained(folder: Path, account: Account | None) -> None:
    (folder / "data").write_text("")
    with pytest.raises(StartFailed, match=r"data cannot be used \(.+\); set TASK_API_DATA_DIR"):
        prepare(folder / "data", account)


def test_sockets_move_to_a_short_private_folder_if_the_path_is_too_long(folder: Path, account: Account | None) -> None:
    place = prepare(folder / ("long" * 25), account)
    sockets = socket_folder(place, account)
    assert sockets != place.sockets
    assert len(str(sockets)) < 50
    assert mode(sockets) == 0o700
    assert sockets.stat().st_uid == (os.geteuid() if account is None else account.uid)
    sockets.rmdir()


def test_sockets_move_there_too_if_the_path_would_need_quoting(folder: Path, account: Account | None) -> None:
    place = prepare(folder / "a, b", account)
    sockets = socket_folder(place, account)
    assert sockets != place.sockets
    sockets.rmdir()


@needs_root
def test_a_folder_below_one_that_the_servers_user_may_not_enter_is_explained(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    with pytest.raises(StartFailed, match=rf"'nobody', .+ may not enter {folder}/closed; set TASK_API_DATA_DIR"):
        prepare(folder / "closed" / "data", server_account("nobody"))


@needs_root
def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    place = Folders(folder)
    place.valkey.mkdir()
    with pytest.raises(StartFailed, match="belongs to user id 0"):
        private_folder(place.valkey, server_account("nobody"))


@needs_root
@pytest.mark.parametrize(
    ("name", "reason"), [("nobody-of-that-name", "no system user"), ("root", "refuses to run as root")]
)
def test_the_servers_user_has_to_exist_and_not_be_root(name: str, reason: str) -> None:
    with pytest.raises(StartFailed, match=reason):
        server_account(name)
