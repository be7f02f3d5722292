import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import structs

from taskapi.config import AuthSettings, Secret, Settings
from taskapi.kit.embedded.account import Account
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.folders import prepare
from taskapi.kit.embedded.secret import kept_secret, secret_of


def test_the_first_start_makes_a_secret_that_only_its_owner_can_read(folder: Path) -> None:
    secret = kept_secret(folder / "data" / "secret")
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", secret.reveal())
    assert stat.S_IMODE((folder / "data" / "secret").stat().st_mode) == 0o600
    assert [path.name for path in (folder / "data").iterdir()] == ["secret"], "something stays behind"


def test_later_starts_keep_it(folder: Path) -> None:
    assert kept_secret(folder / "secret").reveal() == kept_secret(folder / "secret").reveal()


def test_two_first_starts_at_once_agree(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: kept_secret(folder / "secret").reveal(), range(64)))
    assert len(set(made)) == 1


def test_the_settings_secret_wins_and_none_is_made(settings: Settings, folder: Path) -> None:
    given = structs.replace(settings, auth=AuthSettings(jwt_secret=Secret("x" * 32)))
    secret, origin = secret_of(given)
    assert (secret.reveal(), origin) == ("x" * 32, "given by JWT_SECRET")
    assert not (folder / "secret").exists()


def test_a_secret_made_before_the_embedded_servers_does_not_lock_their_user_out(
    folder: Path, account: Account | None
) -> None:
    kept_secret(folder / "data" / "secret")
    prepare(folder / "data", account)


def test_people_are_told_where_the_made_secret_is(settings: Settings, folder: Path) -> None:
    _, origin = secret_of(settings)
    assert origin == f"in {folder}/secret"


def test_a_secret_that_others_can_read_is_refused(folder: Path) -> None:
    kept_secret(folder / "secret")
    (folder / "secret").chmod(0o640)
    with pytest.raises(StartFailed, match=f"chmod 600 {folder}/secret"):
        kept_secret(folder / "secret")


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_a_damaged_secret_is_refused_and_not_replaced(folder: Path, content: bytes) -> None:
    (folder / "secret").write_bytes(content)
    (folder / "secret").chmod(0o600)
    with pytest.raises(StartFailed, match="secret"):
        kept_secret(folder / "secret")
    assert (folder / "secret").read_bytes() == content
