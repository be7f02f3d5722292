"""The net under crashes: what a process that died did not announce, another one does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from taskapi.gate import store
from taskapi.kit import outbox
from tests.gate.conftest import Start
from tests.gate.processes import Process, Somebody
from tests.gate.switch import Switch
from tests.gate.valkey import Valkey
from tests.kit.patience import until

pytestmark = pytest.mark.anyio

SHORT = 200
UNANNOUNCED = "SELECT count(*) FROM outbox WHERE announced_at IS NULL"


@pytest.fixture
async def watcher(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of somebody who looks."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def _crashed_write(watcher: "asyncpg.Connection[asyncpg.Record]", *somebody: Somebody) -> list[UUID]:
    """Leave what a process leaves that committed and died before it told anybody."""
    columns = outbox.rows([], {each.user_id: frozenset({"tasks"}) for each in somebody}, datetime.now(UTC))
    await watcher.execute(outbox.INSERT_EVENTS, *columns)
    return columns[0]


async def test_a_process_announces_its_own_rows_soon(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await process.write(ada)
    await until(lambda: _is_zero(watcher), 20)
    assert process.gate.counts.announced == 0, "that was not the relay"


async def test_rows_of_a_process_that_died_are_announced_by_another(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    stamp = await process.kept(ada, b"the past")
    await _crashed_write(watcher, ada)
    await until(lambda: _is_zero(watcher), 20)
    assert not (await process.ask(ada, held=stamp)).held_is_fresh
    assert process.gate.counts.announced == 1


async def test_two_relays_share_the_rows_and_announce_each(
    start: Start, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    one, other = await start(), await start()
    people = [await one.register() for _ in range(20)]
    stamps = [await one.kept(each, b"the past") for each in people]
    await _crashed_write(watcher, *people)
    await watcher.execute("UPDATE outbox SET created_at = now() - interval '1 minute' WHERE announced_at IS NULL")
    counts = await asyncio.gather(*(process.gate.relay.announce_forgotten() for process in (one, other)))
    assert sum(counts) >= 20
    await until(lambda: _is_zero(watcher), 20)
    for each, stamp in zip(people, stamps, strict=True):
        assert not (await other.ask(each, held=stamp)).held_is_fresh


async def test_announcing_twice_does_no_harm(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await process.write(ada)
    await watcher.execute("UPDATE outbox SET announced_at = NULL, created_at = now() - interval '1 minute'")
    await process.gate.relay.announce_forgotten()
    await until(lambda: _is_zero(watcher), 20)
    assert (await process.ask(ada)).stamp is not None


async def test_a_row_that_is_young_is_left_to_its_own_process(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await process.write(ada)
    await watcher.execute(
        "UPDATE outbox SET announced_at = NULL, created_at = now() + interval '1 minute' WHERE 'tasks' = ANY(fields)"
    )
    assert await process.gate.relay.announce_forgotten() == 0


async def test_nothing_is_marked_that_redis_did_not_hear(
    start: Start, switch: Switch, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    process = await start(switch.url, SHORT)
    ada = await process.register()
    await until(lambda: _is_zero(watcher), 20)
    switch.shut()
    ids = await _crashed_write(watcher, ada)
    await watcher.execute("UPDATE outbox SET created_at = now() - interval '1 minute' WHERE id = ANY($1)", ids)
    assert await process.gate.relay.announce_forgotten() == 0
    assert await watcher.fetchval(UNANNOUNCED) == 1


async def test_the_gate_opens_only_after_every_row_is_announced(
    start: Start, switch: Switch, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    cut_off, other = await start(switch.url, SHORT), await start()
    ada = await cut_off.register()
    switch.shut()
    await cut_off.write(ada)
    generation = await watcher.fetchval("SELECT generation FROM gate_state")
    assert await watcher.fetchval("SELECT mode FROM gate_state") == "closed"
    assert await watcher.fetchval(UNANNOUNCED) >= 1
    switch.is_shut = False
    await other.serves()
    assert await watcher.fetchval("SELECT generation FROM gate_state") != generation
    assert (
        await watcher.fetchval("SELECT count(*) FROM outbox WHERE announced_at IS NULL AND 'tasks' = ANY(fields)") == 0
    )


async def test_a_replay_first_announces_what_its_first_time_did_not(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    stamp = await process.kept(ada, b"the past")
    await _crashed_write(watcher, ada)
    await process.gate.settle(ada.user_id)
    assert not (await process.ask(ada, held=stamp)).held_is_fresh
    await until(lambda: _is_zero(watcher), 20)


async def test_a_transaction_of_many_users_tells_them_all_in_one_trip(process: Process) -> None:
    people = [await process.register() for _ in range(50)]
    stamps = [await process.kept(each, b"the past") for each in people]
    trips = process.gate.counts.trips
    async with process.rooms.database.transaction() as transaction:
        for each in people:
            transaction.touch(each.user_id, "tasks")
    assert process.gate.counts.trips - trips <= 4
    for each, stamp in zip(people, stamps, strict=True):
        assert not (await process.ask(each, held=stamp)).held_is_fresh


async def test_what_commits_with_an_unknown_outcome_stays_under_way_until_the_relay_settles_it(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def lose_the_connection(transaction: object) -> None:
        pid = await transaction.fetch_value("SELECT pg_backend_pid()")  # type: ignore[attr-defined]
        await watcher.execute("SELECT pg_terminate_backend($1)", pid)

    hooks = process.rooms.database.hooks.before_commit
    hooks.append(lose_the_connection)
    with pytest.raises(Exception, match="database"):
        await process.write(ada)
    hooks.remove(lose_the_connection)
    assert (await process.ask(ada)).stamp is None


async def _is_zero(watcher: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return int(await watcher.fetchval(UNANNOUNCED)) == 0


async def test_while_the_gate_is_closed_rows_are_left_to_its_opening(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await process.gate.lease.close()
    await _crashed_write(watcher, ada)
    await watcher.execute("UPDATE outbox SET created_at = now() - interval '1 minute'")
    assert await process.gate.relay.announce_forgotten() == 0
    await process.serves()
    assert await _is_zero(watcher)


async def test_people_whom_nobody_knows_yet_can_join_without_redis(process: Process, valkey: Valkey) -> None:
    valkey.pause()
    try:
        async with asyncio.timeout(20):
            newcomer = await process.register()
            assert (await process.ask(newcomer)).principal is not None
    finally:
        valkey.resume()


async def test_the_age_of_what_nobody_announced_is_known_until_somebody_does(
    process: Process, ada: Somebody, watcher: "asyncpg.Connection[asyncpg.Record]", valkey: Valkey
) -> None:
    async def is_old() -> bool:
        return 60 <= process.gate.oldest_waiting < 120

    async def is_done() -> bool:
        return process.gate.oldest_waiting == 0

    await until(is_done, 20)
    valkey.pause()
    try:
        await _crashed_write(watcher, ada)
        await watcher.execute("UPDATE outbox SET created_at = now() - interval '1 minute' WHERE announced_at IS NULL")
        await until(is_old, 20)
    finally:
        valkey.resume()
    await until(is_done, 20)


@pytest.mark.parametrize("statement", [store.READ, store.CLOSE])
async def test_that_age_is_found_in_an_index_however_many_rows_were_announced(
    watcher: "asyncpg.Connection[asyncpg.Record]", statement: str
) -> None:
    await watcher.execute(
        "INSERT INTO outbox (id, user_id, event, payload, fields, announced_at) "
        "SELECT gen_random_uuid(), gen_random_uuid(), 'x', '{}', '{}', now() FROM generate_series(1, 5000)"
    )
    await watcher.execute("ANALYZE outbox")
    closing = [timedelta()] if statement == store.CLOSE else []
    plan = "\n".join(row[0] for row in await watcher.fetch(f"EXPLAIN {statement}", *closing))
    assert "Index Only Scan using outbox_unannounced" in plan
    assert "Seq Scan on outbox" not in plan
