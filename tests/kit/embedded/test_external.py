import threading
from pathlib import Path

import pytest

from taskapi.config import DatabaseSettings, Secret, Settings, SettingsInvalid
from taskapi.kit.embedded.external import check_addresses, wait_for_database, wait_for_redis
from taskapi.kit.embedded.failures import StartFailed
from tests.pgbouncer import pgbouncer
from tests.servers import Servers


def test_servers_that_are_there_are_not_waited_for(servers: Servers) -> None:
    wait_for_database(servers.create_database(), seconds=0)
    wait_for_redis(servers.redis_url, seconds=0)


def test_a_server_that_comes_later_is_waited_for(servers: Servers, folder: Path) -> None:
    there = Path(servers.redis_url.removeprefix("unix://")).parent
    later = folder / "later"
    timer = threading.Timer(0.3, later.symlink_to, (there,))
    timer.start()
    wait_for_redis(f"unix://{later}/valkey.sock", seconds=10)
    wait_for_database(f"postgresql://task_api@/task_api?host={later}", seconds=10)


def test_one_that_does_not_come_is_named_without_its_password(folder: Path) -> None:
    with pytest.raises(StartFailed, match="server of DATABASE_URL did not answer within 0 seconds") as failure:
        wait_for_database(f"postgresql://ada:hunter2@/tasks?host={folder}", seconds=0)
    assert "hunter2" not in str(failure.value)
    with pytest.raises(StartFailed, match="server of REDIS_URL did not answer within 0 seconds"):
        wait_for_redis(f"unix://{folder}/valkey.sock", seconds=0)


def test_what_waiting_cannot_cure_is_told_at_once(servers: Servers) -> None:
    with pytest.raises(StartFailed, match='DATABASE_URL: database "no_such" does not exist'):
        wait_for_database(servers.admin_dsn.replace("/postgres?", "/no_such?"))
    with pytest.raises(StartFailed, match="REDIS_URL: the server refuses this user"):
        wait_for_redis(servers.redis_url.replace("unix://", "unix://ada:hunter2@"))


@pytest.mark.parametrize(
    "address",
    ["mysql://ada:hunter2@db/tasks", "postgresql://ada:hunter2/3@db:port/tasks", "postgresql://ada@[::1/tasks"],
)
def test_an_address_that_is_none_is_explained_without_its_password(address: str) -> None:
    with pytest.raises(StartFailed, match="DATABASE_URL") as failure:
        wait_for_database(address, seconds=0)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("address", ["http://ada:hunter2@cache", "redis://ada:hunter2/3@cache:port"])
def test_so_is_one_of_redis(address: str) -> None:
    with pytest.raises(StartFailed, match="REDIS_URL") as failure:
        wait_for_redis(address, seconds=0)
    assert "hunter2" not in str(failure.value)


def test_a_wrong_parameter_of_ours_is_named() -> None:
    with pytest.raises(StartFailed, match=r"DATABASE_URL: \?connection_limit= must be"):
        wait_for_database("postgresql://db/tasks?connection_limit=many")


def test_pgbouncer_is_recognised_where_the_address_does_not_say_so(servers: Servers) -> None:
    with pgbouncer(servers.create_database(), size=2) as address:
        wait_for_database(address, seconds=0)
        with pytest.raises(StartFailed, match="leads to PgBouncer; add pgbouncer=true"):
            wait_for_database(address.replace("&pgbouncer=true", ""))


def test_a_way_past_pgbouncer_needs_one() -> None:
    with pytest.raises(SettingsInvalid, match="DATABASE_DIRECT_URL"):
        check_addresses(Settings(database=DatabaseSettings(direct_url=Secret("postgresql://db/tasks"))))


def test_replicas_are_not_read_through_pgbouncer() -> None:
    pooled = Secret("postgresql://replica/tasks?pgbouncer=true")
    with pytest.raises(SettingsInvalid, match="DATABASE_READ_URL"):
        check_addresses(Settings(database=DatabaseSettings(read_urls=(Secret("postgresql://other/tasks"), pooled))))
