"""The plug is pulled: nobody is logged out, nothing stale is served, nothing hangs, and all comes back by itself."""

import asyncio
import time
from functools import partial

import pytest

from taskapi.errors import Overloaded
from taskapi.gate.admission import Allowance, Counter, Source
from tests.gate.conftest import Start
from tests.gate.hooks import before_writes
from tests.gate.processes import Process, Somebody
from tests.gate.switch import Switch
from tests.gate.valkey import Valkey, running_valkey
from tests.kit.patience import until

pytestmark = pytest.mark.anyio

PATIENT = 30
"""Seconds, several times as long as a gate stays closed and a floor stays young."""

SHORT = 200
"""Milliseconds that Redis gets in tests in which it does not answer."""


async def _is_known_to_redis(process: Process, somebody: Somebody) -> bool:
    return (await process.ask(somebody)).source is Source.REDIS


async def _trusts(process: Process, somebody: Somebody) -> bool:
    return (await process.ask(somebody)).stamp is not None


async def test_after_a_flush_nothing_is_fresh_and_nobody_is_logged_out(start: Start, valkey: Valkey) -> None:
    one, other = await start(), await start()
    ada = await one.register()
    stamp = await one.kept(ada, b"the list")
    valkey.client.flushall()
    for process in (one, other):
        admission = await process.ask(ada, held=stamp)
        assert admission.principal is not None
        assert (admission.held_is_fresh, admission.body) == (False, None)
    await until(lambda: _trusts(one, ada), PATIENT)
    assert not (await one.ask(ada, held=stamp)).held_is_fresh


@pytest.mark.parametrize("with_data", [True, False])
async def test_after_a_restart_nothing_of_before_is_served(start: Start, valkey: Valkey, with_data: bool) -> None:
    process = await start()
    ada = await process.register()
    stamp = await process.kept(ada, b"the list")
    if with_data:
        valkey.stop_with_data()
    else:
        valkey.kill()
    away = await process.ask(ada, held=stamp)
    assert away.principal is not None
    assert (away.source, away.held_is_fresh, away.stamp) == (Source.LOCAL, False, None)
    valkey.start()
    await until(lambda: _is_known_to_redis(process, ada), PATIENT)
    admission = await process.ask(ada, held=stamp)
    assert (admission.held_is_fresh, admission.body) == (False, None)
    await process.serves()
    await until(lambda: _trusts(process, ada), PATIENT)
    again = await process.ask(ada, held=stamp)
    assert (again.held_is_fresh, again.body) == (False, None)


async def test_killed_connections_are_made_anew_at_once(process: Process, ada: Somebody, valkey: Valkey) -> None:
    stamp = await process.kept(ada, b"the list")
    for _ in range(10):
        valkey.client.client_kill_filter(_type="normal", skipme=True)
        admission = await process.ask(ada, held=stamp)
        assert admission.principal is not None
    await until(lambda: _is_known_to_redis(process, ada), PATIENT)
    assert (await process.ask(ada, held=stamp)).held_is_fresh


async def test_without_redis_a_process_counts_its_share_alone(start: Start, switch: Switch) -> None:
    process = await start(switch.url, SHORT)
    ada = await process.register()
    switch.shut()
    admission = await process.ask(ada)
    assert admission.source is Source.LOCAL
    assert [verdict.remaining for verdict in admission.verdicts] == [999]
    stranger = await process.gate.count((Counter("an address", Allowance("login", 5)),))
    assert stranger.source is Source.LOCAL
    assert [verdict.remaining for verdict in stranger.verdicts] == [4]


async def test_a_silent_redis_costs_a_moment_and_then_nothing(start: Start, switch: Switch) -> None:
    process = await start(switch.url, SHORT)
    ada = await process.register()
    switch.hold_answers()
    started = time.monotonic()
    admissions = await asyncio.gather(*(process.ask(ada) for _ in range(50)))
    assert all(admission.principal is not None for admission in admissions)
    assert time.monotonic() - started < 3
    while not _is_broken(process):
        await process.ask(ada)
    started = time.monotonic()
    for _ in range(10):
        await process.ask(ada)
    assert time.monotonic() - started < 10 * SHORT / 1000, "some waited for Redis"
    switch.release_answers()
    await until(lambda: _is_known_to_redis(process, ada), PATIENT)


async def test_a_write_during_an_outage_is_kept_back_until_nobody_can_serve_the_past(
    start: Start, switch: Switch
) -> None:
    cut_off, other = await start(switch.url, SHORT), await start()
    ada = await other.register()
    stamp = await other.kept(ada, b"the past")
    switch.shut()
    while not _is_broken(cut_off):
        await cut_off.ask(ada)
    await cut_off.write(ada)
    admission = await other.ask(ada, held=stamp)
    assert (admission.held_is_fresh, admission.body, admission.stamp) == (False, None, None)
    started = time.monotonic()
    await cut_off.write(ada)
    await other.write(ada)
    assert time.monotonic() - started < 1.5, "only the first write waits"
    switch.is_shut = False
    for process in (cut_off, other):
        await process.serves()
        await until(partial(_trusts, process, ada), PATIENT)
        assert not (await process.ask(ada, held=stamp)).held_is_fresh


async def test_an_end_that_is_not_confirmed_is_waited_for_as_well(start: Start, switch: Switch) -> None:
    cut_off, other = await start(switch.url, SHORT), await start()
    ada = await other.register()
    stamp = await other.kept(ada, b"the past")

    async def cut() -> None:
        switch.shut()

    before_writes(cut_off.rooms.database, cut)
    await cut_off.write(ada)
    assert not (await other.ask(ada, held=stamp)).held_is_fresh
    assert not other.gate.serves
    assert not cut_off.gate.serves


async def test_an_end_that_redis_heard_waits_for_nobody_though_the_gate_was_closed_meanwhile(start: Start) -> None:
    process, other = await start(), await start()
    ada = await process.register()
    stamp = await process.kept(ada, b"the past")

    before_writes(process.rooms.database, other.gate.lease.close)
    started = time.monotonic()
    await process.write(ada)
    assert time.monotonic() - started < 1.5
    assert not (await other.ask(ada, held=stamp)).held_is_fresh


async def test_a_failover_to_a_copy_that_lags_serves_nothing_of_the_past(start: Start, valkey: Valkey) -> None:
    one = await start()
    with running_valkey("--replicaof", "127.0.0.1", str(valkey.port)) as replica:
        ada = await one.register()
        stamp = await _kept_again(one, ada)
        await until(lambda: _has(replica, ada.body_key), PATIENT)
        replica.client.replicaof("NO", "ONE")  # it hears of nothing that follows
        await one.write(ada)
        valkey.client.replicaof("127.0.0.1", str(replica.port))  # the old primary follows it, without this write
        await until(lambda: _is_a_copy(valkey), PATIENT)
        assert await _has(valkey, ada.body_key)
        valkey.client.replicaof("NO", "ONE")
        for _ in range(200):
            admission = await one.ask(ada, held=stamp)
            assert admission.principal is not None
            assert (admission.held_is_fresh, admission.body) == (False, None)
        await one.serves()
        await until(lambda: _trusts(one, ada), PATIENT)
        assert not (await one.ask(ada, held=stamp)).held_is_fresh


async def test_two_primaries_never_serve_side_by_side(start: Start, valkey: Valkey) -> None:
    """One process still talks to the old primary, which nobody restarted; another one to the new."""
    behind = await start()
    ada = await behind.register()
    await behind.kept(ada, b"the past")
    with running_valkey("--replicaof", "127.0.0.1", str(valkey.port)) as replica:
        await until(lambda: _has(replica, ada.body_key), PATIENT)
        stamp = await _kept_again(behind, ada)
        replica.client.replicaof("NO", "ONE")
        valkey.pause()  # or each would open the gate on its own server, whoever comes first
        ahead = await start(replica.url)
        await ahead.write(ada)
        valkey.resume()
        await until(lambda: _is_told_but_not_served(behind, ada, stamp), PATIENT)
        for _ in range(50):
            assert await _is_told_but_not_served(behind, ada, stamp)
        assert replica.keys_without_end() == []


async def test_a_write_that_only_the_new_primary_heard_is_not_acknowledged_while_the_old_one_serves(
    start: Start, valkey: Valkey, switch: Switch
) -> None:
    behind, ahead = await start(), await start(switch.url)
    ada = await behind.register()
    await behind.kept(ada, b"the past")
    with running_valkey("--replicaof", "127.0.0.1", str(valkey.port)) as replica:
        await until(lambda: _has(replica, ada.body_key), PATIENT)
        stamp = await _kept_again(behind, ada)
        await ahead.serves()
        replica.client.replicaof("NO", "ONE")
        switch.target = replica.port
        switch.cut()
        await ahead.write(ada)
        assert not (await behind.ask(ada, held=stamp)).held_is_fresh


async def test_more_than_fit_before_the_database_are_told_so_at_once(start: Start, switch: Switch) -> None:
    process = await start(switch.url, SHORT)
    ada = await process.register()
    switch.shut()
    await process.ask(ada)
    answers = await asyncio.gather(*(process.ask(ada) for _ in range(400)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(answer, Overloaded) and answer.retry_after for answer in refused)
    assert len(refused) < len(answers)


async def _kept_again(process: Process, somebody: Somebody) -> bytes:
    """Keep an answer once the gate stands on a primary that has a replica: its first one gives it another history."""

    async def is_fresh() -> bool:
        return process.gate.serves and (await process.ask(somebody)).stamp is not None

    await until(is_fresh, PATIENT)
    return await process.kept(somebody, b"the past")


async def _is_told_but_not_served(process: Process, somebody: Somebody, stamp: bytes) -> bool:
    """Say whether Redis answers again; what is held, or kept there, is not fresh in any case."""
    admission = await process.ask(somebody, held=stamp)
    assert admission.principal is not None
    assert (admission.held_is_fresh, admission.body) == (False, None)
    return admission.source is Source.REDIS


def _is_broken(process: Process) -> bool:
    return process.gate.is_cut_off


async def _has(server: Valkey, key: str) -> bool:
    return bool(server.client.exists(key))


async def _is_a_copy(server: Valkey) -> bool:
    return server.client.info("replication").get("master_link_status") == "up"
