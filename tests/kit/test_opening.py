"""Whoever looks at the server's list of connections sees which process of which machine each belongs to."""

import os
import socket

import pytest

from taskapi.config import DatabaseSettings, Secret
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database
from taskapi.kit.database.bulk import bulk_connection
from taskapi.kit.database.opening import LONGEST_NAME, name_of
from tests.kit.conftest import Look

pytestmark = pytest.mark.anyio

NAMES = "SELECT array_agg(DISTINCT application_name) FROM pg_stat_activity WHERE datname = current_database()"
OTHERS = f"{NAMES} AND pid <> pg_backend_pid()"
OURS = name_of(socket.gethostname(), os.getpid())


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("db-1", "task-api db-1:7"),
        ("api.example.org", "task-api api:7"),
        ("task-api-5d9c7b6f4-x2x9k", "task-api task-api-5d9c7b6f4-x2x9k:7"),
        ("büro 1", "task-api b?ro?1:7"),
        ("", "task-api :7"),
    ],
)
def test_a_connection_is_named_for_its_machine_and_process(machine: str, name: str) -> None:
    assert name_of(machine, 7) == name


def test_a_long_name_keeps_the_end_of_the_machines_and_the_whole_process() -> None:
    name = name_of("a" * 64 + "-x2x9k", 4_194_304)
    assert len(name) == LONGEST_NAME
    assert name.endswith("a-x2x9k:4194304")


async def test_every_sort_of_connection_tells_whose_it_is(database_url: str, look: Look) -> None:
    database = Database(DatabaseSettings(url=Secret(database_url)), system_clock, {})
    await database.open()
    lone = database.lone(5)
    async with database.read() as connection, bulk_connection(database_url, snapshot=True):
        assert await connection.fetch_value("SHOW application_name") == OURS
        await lone.fetch_one("SELECT 1")
        assert (
            await look(f"SELECT count(*) FROM ({OTHERS.replace('array_agg(DISTINCT application_name)', 'pid')}) _") == 3
        )
        assert await look(OTHERS) == [OURS]
    await lone.close()
    await database.close()


async def test_the_name_in_an_address_wins(database_url: str) -> None:
    named = f"{database_url}&application_name=ours"
    database = Database(DatabaseSettings(url=Secret(named)), system_clock, {})
    await database.open()
    async with database.read() as connection:
        assert await connection.fetch_value("SHOW application_name") == "ours"
    await database.close()
