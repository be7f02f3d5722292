"""Shared trips: who travels together, what happens to those whose server goes away, and that no answer is mistaken."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from taskapi.gate import address, line, scripts
from taskapi.gate.calls import Call, Unreachable
from taskapi.gate.counts import Counts
from taskapi.gate.line import Line
from tests.gate.switch import Switch
from tests.gate.valkey import Valkey
from tests.kit.patience import until

pytestmark = pytest.mark.anyio

PATIENT = 5.0
IMPATIENT = 0.2


def _line(url: str, seconds: float = PATIENT) -> Line:
    return Line(address.parse(url), seconds, Counts(), lambda _, call, error: call.fail(error), lambda: None)


@pytest.fixture
async def to_valkey(valkey: Valkey) -> AsyncIterator[Line]:
    opened = _line(valkey.url)
    yield opened
    await opened.close()


@pytest.fixture
async def through_switch(switch: Switch) -> AsyncIterator[Line]:
    opened = _line(switch.url, IMPATIENT)
    yield opened
    await opened.close()


def _ask(at: Line, *parts: bytes | int) -> "asyncio.Future[object]":
    call = Call(parts, asyncio.get_running_loop().create_future())
    at.ask(call)
    assert call.future is not None
    return call.future


async def _has_left(at: Line, before: int) -> None:
    """Return once the next flight is on its way, whose answers cannot have come yet."""
    while at.counts.trips == before:  # noqa: ASYNC110 - a turn of the loop is what is waited for
        await asyncio.sleep(0)


async def _echo(at: Line, word: bytes) -> object:
    return await _ask(at, b"ECHO", word)


async def test_those_who_come_together_travel_together(to_valkey: Line) -> None:
    words = [b"%d" % number for number in range(100)]
    assert await asyncio.gather(*(_echo(to_valkey, word) for word in words)) == words
    assert to_valkey.counts.trips == 1


async def test_those_who_come_during_a_flight_share_the_next(to_valkey: Line) -> None:
    first = _ask(to_valkey, b"ECHO", b"first")
    await asyncio.sleep(0)
    await _has_left(to_valkey, 0)
    words = [b"%d" % number for number in range(50)]
    rest = asyncio.gather(*(_echo(to_valkey, word) for word in words))
    assert await first == b"first"
    assert await rest == words
    assert to_valkey.counts.trips == 2


async def test_who_asks_again_at_once_shares_the_next_flight(to_valkey: Line) -> None:
    async def ask_twice() -> None:
        await _echo(to_valkey, b"first")
        await _echo(to_valkey, b"second")

    asking = asyncio.create_task(ask_twice())
    await _has_left(to_valkey, 0)
    assert await _echo(to_valkey, b"meanwhile") == b"meanwhile"
    await asking
    assert to_valkey.counts.trips == 2


async def test_a_flight_is_bounded(to_valkey: Line) -> None:
    words = [b"%d" % number for number in range(line.MOST_AT_ONCE * 2 + 1)]
    assert await asyncio.gather(*(_echo(to_valkey, word) for word in words)) == words
    assert to_valkey.counts.trips == 3


async def test_a_flight_is_bounded_together_with_what_nobody_waits_for(to_valkey: Line) -> None:
    for number in range(line.BACKGROUND_AT_ONCE):
        to_valkey.send(Call((b"SET", b"answer %d" % number, b"kept", b"EX", 60), None))
    words = [b"%d" % number for number in range(line.MOST_AT_ONCE)]
    assert await asyncio.gather(*(_echo(to_valkey, word) for word in words)) == words
    assert to_valkey.counts.trips == 2


async def test_no_more_may_wait_than_there_is_room_for(to_valkey: Line) -> None:
    futures = [_ask(to_valkey, b"PING") for _ in range(line.MOST_WAITING)]
    with pytest.raises(Unreachable):
        _ask(to_valkey, b"PING")
    await asyncio.gather(*futures)


async def test_who_goes_away_takes_nobody_along(to_valkey: Line) -> None:
    going = [asyncio.create_task(_echo(to_valkey, b"gone")) for _ in range(20)]
    staying = [asyncio.create_task(_echo(to_valkey, b"%d" % number)) for number in range(20)]
    await _has_left(to_valkey, 0)
    for task in going:
        task.cancel()
    assert await asyncio.gather(*staying) == [b"%d" % number for number in range(20)]
    assert await _echo(to_valkey, b"next") == b"next"
    assert all(task.cancelled() for task in going)


async def test_a_late_answer_is_nobodys(through_switch: Line, switch: Switch) -> None:
    assert await _echo(through_switch, b"warm") == b"warm"
    switch.hold_answers()
    with pytest.raises(Unreachable):
        await _echo(through_switch, b"hers")
    switch.release_answers()
    for _ in range(5):
        assert await _echo(through_switch, b"his") == b"his"


async def test_an_answer_that_nobody_asked_for_breaks_the_connection(valkey: Valkey) -> None:
    class Stutter(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            with socket.create_connection(("127.0.0.1", valkey.port)) as server:
                server.sendall(data)
                server.settimeout(0.2)
                reply = b""
                with contextlib.suppress(TimeoutError):
                    while part := server.recv(65536):
                        reply += part
            assert isinstance(self.transport, asyncio.WriteTransport) or hasattr(self.transport, "write")
            self.transport.write(reply * 2 if b"ECHO" in data else reply)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stutter, "127.0.0.1", 0)
    at = _line(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert await _ask(at, b"PING") == b"PONG"
    with pytest.raises(Unreachable):
        await _echo(at, b"hers")
    assert await _ask(at, b"PING") == b"PONG"
    await at.close()
    server.close()


async def test_a_cut_connection_is_made_anew_and_who_had_not_left_yet_still_travels(
    through_switch: Line, switch: Switch
) -> None:
    assert await _echo(through_switch, b"warm") == b"warm"
    switch.hold_answers()
    in_flight = asyncio.create_task(_echo(through_switch, b"lost"))
    trips = through_switch.counts.trips
    await _has_left(through_switch, trips)
    waiting = asyncio.create_task(_echo(through_switch, b"kept"))
    await asyncio.sleep(0)
    switch.cut()
    switch.release_answers()
    with pytest.raises(Unreachable):
        await in_flight
    assert await waiting == b"kept"


async def test_a_silent_server_is_given_up_in_time_then_not_asked_at_all_and_found_again(
    through_switch: Line, switch: Switch
) -> None:
    loop = asyncio.get_running_loop()
    assert await _echo(through_switch, b"warm") == b"warm"
    switch.hold_answers()
    started = loop.time()
    while not through_switch.is_broken:
        with pytest.raises(Unreachable):
            await _echo(through_switch, b"x")
    assert loop.time() - started < 3
    with pytest.raises(Unreachable):
        _ask(through_switch, b"PING")
    switch.release_answers()

    async def is_back() -> bool:
        return not through_switch.is_broken

    await until(is_back, 10)
    assert await _echo(through_switch, b"back") == b"back"


async def test_scripts_that_the_server_forgot_are_brought_again(to_valkey: Line, valkey: Valkey) -> None:
    digest = scripts.COUNT.digest
    key = b"ratelimit:{x}:read"
    ask = (b"EVALSHA", digest, 1, key, 1_000_000, 100_000_000)
    await _ask(to_valkey, *ask)
    valkey.client.script_flush()
    first, second = await asyncio.gather(_ask(to_valkey, *ask), _ask(to_valkey, *ask))
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert {first[0], second[0]} == {98, 97}


async def test_a_replica_is_nobody_to_talk_to(valkey: Valkey, through_switch: Line) -> None:
    valkey.client.replicaof("127.0.0.1", "1")
    with pytest.raises(Unreachable):
        await _echo(through_switch, b"x")
    valkey.client.replicaof("NO", "ONE")


async def test_a_server_that_becomes_a_replica_is_left(to_valkey: Line, valkey: Valkey) -> None:
    await _ask(to_valkey, b"SET", b"a", b"1", b"EX", 60)
    valkey.client.replicaof("127.0.0.1", "1")
    with pytest.raises(Unreachable):
        await _ask(to_valkey, b"SET", b"a", b"2", b"EX", 60)
    before = to_valkey.identity
    valkey.client.replicaof("NO", "ONE")

    async def is_back() -> bool:
        return not to_valkey.is_broken

    await until(is_back, 10)
    await _ask(to_valkey, b"SET", b"a", b"3", b"EX", 60)
    assert to_valkey.identity is not None
    assert before is not None
    assert to_valkey.identity.name != before.name, "it has another history now"


async def test_who_was_a_replica_for_a_moment_is_somebody_else(
    to_valkey: Line, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was asked meanwhile, so nobody was refused, and the connection stayed."""
    monkeypatch.setattr(line, "UNHEARD_SECONDS", -1)
    await _ask(to_valkey, b"SET", b"a", b"1", b"EX", 60)
    before = to_valkey.identity
    assert before is not None
    valkey.client.replicaof("127.0.0.1", "1")
    valkey.client.replicaof("NO", "ONE")
    with pytest.raises(Unreachable, match="another Redis answers"):
        await _ask(to_valkey, b"GET", b"a")
    assert await _ask(to_valkey, b"GET", b"a") == b"1"
    assert to_valkey.identity is not None
    assert to_valkey.identity.name != before.name


async def test_who_has_just_answered_is_not_asked_for_the_name(
    to_valkey: Line, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "UNHEARD_SECONDS", 60)
    await _echo(to_valkey, b"x")
    valkey.client.config_resetstat()
    await _echo(to_valkey, b"y")
    told = valkey.client.info("commandstats")
    assert (told["cmdstat_echo"]["calls"], "cmdstat_info" in told) == (1, False)


async def test_what_is_sent_in_the_background_gives_way_to_newer(to_valkey: Line, valkey: Valkey) -> None:
    for number in range(line.MOST_IN_THE_BACKGROUND + 10):
        to_valkey.send(Call((b"SET", b"key:%d" % number, b"x", b"EX", 60), None))

    async def has_left() -> bool:
        return valkey.client.dbsize() == line.MOST_IN_THE_BACKGROUND

    await until(has_left)
    assert not valkey.client.exists("key:9")


async def test_a_password_and_a_database_are_used_and_no_secret_is_shown(valkey: Valkey) -> None:
    valkey.client.config_set("requirepass", "s3cret")
    at = _line(f"redis://:s3cret@127.0.0.1:{valkey.port}/3")
    await _ask(at, b"SET", b"a", b"1", b"EX", 60)
    assert "s3cret" not in at.address.name
    assert "s3cret" not in repr(at)
    wrong = _line(f"redis://:wrong@127.0.0.1:{valkey.port}", IMPATIENT)
    with pytest.raises(Unreachable):
        await _ask(wrong, b"PING")
    valkey.run("AUTH", "s3cret")
    assert valkey.client.info("keyspace")["db3"]["keys"] == 1
    valkey.client.config_set("requirepass", "")
    await at.close()
    await wrong.close()
