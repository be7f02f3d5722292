import os
from pathlib import Path

import pytest
from msgspec import structs
from redis import Redis

from taskapi.config import DatabaseSettings, RedisSettings, Secret, Settings
from taskapi.kit.embedded import postgres, servers
from taskapi.kit.embedded.account import Account
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.servers import EmbeddedServers, reach
from tests.kit.embedded.instance import Running, gone, guardians


def test_a_server_that_the_settings_name_is_not_started(settings: Settings, folder: Path) -> None:
    given = structs.replace(settings, database=DatabaseSettings(url=Secret("postgresql://ada:secret@db/tasks")))
    with EmbeddedServers(given) as endpoints:
        assert endpoints.database.url == "postgresql://ada:secret@db/tasks"
        assert endpoints.database.description == "given by DATABASE_URL"
        assert Redis.from_url(endpoints.redis.url).ping()
        assert "secret" not in (folder / "servers.json").read_text()
    assert not (folder / "postgresql").exists()


def test_if_the_settings_name_both_nothing_is_touched(settings: Settings, folder: Path) -> None:
    given = structs.replace(
        settings,
        database=DatabaseSettings(url=Secret("postgresql://db/tasks")),
        redis=RedisSettings(url=Secret("redis://cache")),
    )
    servers = EmbeddedServers(given)
    with servers as endpoints:
        assert (endpoints.redis.url, endpoints.redis.description) == ("redis://cache", "given by REDIS_URL")
        assert servers.wait() is False
    assert list(folder.iterdir()) == []


def test_data_of_another_major_version_is_explained_and_left_alone(
    settings: Settings, folder: Path, account: Account | None
) -> None:
    data = folder / "postgresql"
    data.mkdir(mode=0o700)
    (data / "PG_VERSION").write_text("17\n")
    if account is not None:
        os.chown(data, account.uid, account.gid)
    with pytest.raises(StartFailed, match="written by PostgreSQL 17"), EmbeddedServers(settings):
        pass
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_folder_with_something_else_in_it_is_left_alone(
    settings: Settings, folder: Path, account: Account | None
) -> None:
    data = folder / "postgresql"
    data.mkdir()
    (data / "letter.txt").write_text("Dear Grace")
    if account is not None:
        os.chown(data, account.uid, account.gid)
    with pytest.raises(StartFailed, match="not empty"), EmbeddedServers(settings):
        pass
    assert (data / "letter.txt").read_text() == "Dear Grace"


def test_a_server_that_does_not_start_is_explained_with_its_own_words(settings: Settings, folder: Path) -> None:
    with EmbeddedServers(settings):
        pass
    with (folder / "postgresql" / "postgresql.conf").open("a") as file:
        file.write("colour = 'green'\n")
    with pytest.raises(StartFailed, match='unrecognized configuration parameter "colour"'), EmbeddedServers(settings):
        pass
    assert not guardians(settings)


def test_an_initdb_that_fails_is_explained(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres.FIRST_SETTINGS, "colour", "green")
    with pytest.raises(StartFailed, match=r"data folder .+ could not be made: .+"), EmbeddedServers(settings):
        pass
    assert not (folder / "postgresql").exists()


def test_sockets_whose_folder_has_a_long_path_lie_elsewhere_and_are_tidied_up(settings: Settings, folder: Path) -> None:
    deep = folder / ("long" * 25)
    given = structs.replace(settings, embedded=structs.replace(settings.embedded, data_dir=deep))
    with EmbeddedServers(given) as endpoints:
        running = Running(endpoints, given)
        assert running.answers()
        sockets = Path(endpoints.redis.url.removeprefix("unix://")).parent
        assert not sockets.is_relative_to(deep)
    assert not sockets.exists()


def test_servers_of_a_command_are_not_lent_to_another(settings: Settings, folder: Path) -> None:
    with reach(settings):
        assert (folder / "lock").exists()
        assert not (folder / "servers.json").exists()


def test_whoever_wants_servers_for_long_waits_for_an_instance(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.2)
    with pytest.raises(StartFailed, match="start `task-api serve`"), reach(settings, own=False):
        pass


def test_a_command_starts_its_own_servers_if_none_run(settings: Settings) -> None:
    with reach(settings) as endpoints:
        running = Running(endpoints, settings)
        assert running.answers()
        processes = running.processes()
    assert gone(processes)
