"""Permission to serve: how long it is good, and that a closed gate is closed for everybody. The clock is the test's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from taskapi.config import DatabaseSettings, Secret
from taskapi.gate.lease import CLOSED_SECONDS, LEASE_SECONDS, Lease
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database, LoneConnection
from taskapi.kit.database.limits import Limits
from tests.kit.patience import until

pytestmark = pytest.mark.anyio


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Teller(LoneConnection):
    """A connection on which time passes while the answer is on its way."""

    seconds = 0.0
    time: Time

    async def fetch_one(self, sql: str, *args: object) -> object:  # type: ignore[override]
        row = await super().fetch_one(sql, *args)
        self.time.now += self.seconds
        return row


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(DatabaseSettings(url=Secret(database_url)), system_clock, {})
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def state(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of somebody else."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE gate_state SET mode = 'open', server = 'the server'")
    yield connection
    await connection.close()


@pytest.fixture
async def lease(database: Database, time: Time, state: object) -> AsyncIterator[Lease]:
    connection = database.lone(5)
    yield Lease(connection, time, lambda _: None)
    await connection.close()


async def test_nothing_is_served_before_the_state_is_read(lease: Lease) -> None:
    assert not lease.serves("the server")
    assert not lease.serves(None)


async def test_a_read_that_says_open_is_good_for_two_seconds(lease: Lease, time: Time) -> None:
    await lease.refresh()
    time.now += LEASE_SECONDS - 0.001
    assert lease.serves("the server")
    time.now += 0.001
    assert not lease.serves("the server")


async def test_the_two_seconds_count_from_before_the_question(database_url: str, time: Time, state: object) -> None:
    slow = Teller(database_url, Limits({}, "BEGIN", None), 5)
    slow.time, slow.seconds = time, 1.5
    lease = Lease(slow, time, lambda _: None)
    await lease.refresh()
    time.now += 0.4
    assert lease.serves("the server")
    time.now += 0.2
    assert not lease.serves("the server")
    await slow.close()


async def test_it_is_good_for_the_server_in_the_row_only(lease: Lease) -> None:
    await lease.refresh()
    assert not lease.serves("another server")
    assert not lease.serves(None)


async def test_a_gate_that_somebody_closed_is_seen_closed(
    lease: Lease, state: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await lease.refresh()
    await state.execute("UPDATE gate_state SET mode = 'closed'")
    await lease.refresh()
    assert not lease.serves("the server")
    assert lease.closing is not None


async def test_a_closed_gate_is_settled_once_every_other_permission_has_run_out(lease: Lease, time: Time) -> None:
    await lease.refresh()
    await lease.close()
    assert not lease.is_settled
    time.now += CLOSED_SECONDS - 0.001
    assert not lease.is_settled
    time.now += 0.002
    assert lease.is_settled


async def test_closing_it_again_does_not_begin_the_wait_anew(lease: Lease, time: Time) -> None:
    await lease.close()
    time.now += CLOSED_SECONDS
    await lease.close()
    assert lease.is_settled


async def test_a_gate_that_was_opened_and_closed_again_is_waited_for_again(
    lease: Lease, time: Time, state: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await lease.close()
    time.now += CLOSED_SECONDS
    await state.execute("UPDATE gate_state SET generation = 'another'")
    await lease.close()
    assert not lease.is_settled


async def test_a_gate_that_was_never_open_need_not_be_waited_for(
    lease: Lease, state: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await state.execute("UPDATE gate_state SET mode = 'closed', server = NULL")
    await lease.refresh()
    assert lease.is_settled


async def test_each_new_generation_is_told(database: Database, state: "asyncpg.Connection[asyncpg.Record]") -> None:
    told: list[str] = []
    connection = database.lone(5)
    lease = Lease(connection, lambda: 0.0, told.append)
    await lease.refresh()
    await lease.refresh()
    await state.execute("UPDATE gate_state SET generation = 'another'")
    await lease.refresh()
    assert len(told) == 2
    assert told[1].endswith(":another")
    system, timeline, _ = told[1].split(":")
    assert int(system) > 0
    assert int(timeline, 16) > 0
    await connection.close()


async def test_a_permission_runs_out_with_the_connection_and_is_renewed_over_another(
    lease: Lease, time: Time, state: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await lease.refresh()
    await state.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    time.now += LEASE_SECONDS
    assert not lease.serves("the server")

    async def is_renewed() -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            await lease.refresh()
        return lease.serves("the server")

    await until(is_renewed)


async def test_questions_that_come_together_take_turns(lease: Lease) -> None:
    states = await asyncio.gather(*(lease.refresh() for _ in range(10)))
    assert all(state == states[0] for state in states)


async def test_a_table_without_its_row_is_no_permission(
    lease: Lease, state: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await state.execute("DELETE FROM gate_state")
    with pytest.raises(LookupError):
        await lease.refresh()
    assert not lease.serves("the server")
