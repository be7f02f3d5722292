"""What a request learns in its one trip, on real servers."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import pytest
from msgspec import structs

from taskapi.gate import writes
from taskapi.gate.admission import Admission, Allowance, Counter, Source
from tests.gate.conftest import Start
from tests.gate.hooks import before_writes
from tests.gate.processes import Process, Somebody
from tests.gate.valkey import Valkey
from tests.kit.patience import until

pytestmark = pytest.mark.anyio


async def test_a_caller_is_known_after_one_trip_and_without_a_query(process: Process, ada: Somebody) -> None:
    await process.ask(ada)
    await process.ask(ada)
    trips, loaded = process.gate.counts.trips, process.gate.counts.sessions_loaded
    admission = await process.ask(ada)
    assert admission.principal is not None
    assert (admission.principal.user_id, admission.principal.session_id) == ada
    assert admission.source is Source.REDIS
    assert 1 <= process.gate.counts.trips - trips <= 2, "one is its own, another may be the look who Redis is"
    assert process.gate.counts.sessions_loaded == loaded


async def test_an_answer_that_was_kept_comes_back_on_another_process(start: Start) -> None:
    one, other = await start(), await start()
    ada = await one.register()
    stamp = await one.kept(ada, b"the list")
    admission = await other.ask(ada)
    assert (admission.body, admission.stamp, admission.held_is_fresh) == (b"the list", stamp, False)


async def test_a_held_answer_that_is_fresh_is_not_sent_again(process: Process, ada: Somebody) -> None:
    stamp = await process.kept(ada, b"the list")
    admission = await process.ask(ada, held=stamp)
    assert (admission.body, admission.held_is_fresh, admission.stamp) == (None, True, stamp)


async def test_after_a_write_nothing_that_was_kept_is_fresh_anywhere(start: Start) -> None:
    one, other = await start(), await start()
    ada = await one.register()
    stamp = await one.kept(ada, b"the list")
    await other.write(ada)
    for process in (one, other):
        admission = await process.ask(ada, held=stamp)
        assert (admission.body, admission.held_is_fresh) == (None, False)
        assert admission.stamp not in {None, stamp}


async def test_a_write_of_one_field_leaves_the_others_fresh(process: Process, ada: Somebody) -> None:
    stamp = await process.kept(ada, b"the list")
    await process.write(ada, "user", f"task:{uuid4()}")
    assert (await process.ask(ada, held=stamp)).held_is_fresh


async def test_an_answer_loaded_before_a_write_and_kept_after_it_is_dead(process: Process, ada: Somebody) -> None:
    before = await process.ask(ada)
    await process.write(ada)
    process.gate.keep(ada.question(), before, b"the past", 300)
    await process.ask(ada)
    assert (await process.ask(ada)).body is None


async def test_nothing_is_kept_or_fresh_while_a_write_is_under_way(process: Process, ada: Somebody) -> None:
    stamp = await process.kept(ada, b"the list")
    seen = []

    async def look() -> None:
        seen.append(await process.ask(ada, held=stamp))
        seen.append(await process.admit(ada.question(field="user")))

    before_writes(process.rooms.database, look)
    await process.write(ada)
    tasks, user = seen
    assert (tasks.stamp, tasks.held_is_fresh, tasks.body) == (None, False, None)
    assert user.stamp is not None, "another field is not concerned"


async def test_a_read_waits_for_a_write_of_its_process_and_is_counted_once(
    process: Process, ada: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "OVER_SECONDS", 30)
    held = await process.kept(ada, b"the past")
    rare = Counter(str(ada.user_id), Allowance("rare", 3))
    question = structs.replace(ada.question(), counters=(rare,))
    reads = []

    async def read() -> None:
        reads.append(asyncio.create_task(process.admit(question, held)))
        await process.admit(ada.question(field="user"))  # the read before it is answered too

    before_writes(process.rooms.database, read)
    counts = process.gate.counts
    before = (counts.questions, counts.outdated)
    await process.write(ada)
    admission = await reads[0]
    assert (counts.questions - before[0], counts.outdated - before[1]) == (2, 1)
    assert admission.stamp is not None
    assert not admission.held_is_fresh
    assert [verdict.remaining for verdict in admission.verdicts] == [2]
    assert [verdict.remaining for verdict in (await process.admit(question)).verdicts] == [1]
    assert counts.writes_seen == 0


async def test_no_read_waits_for_a_write_that_goes_on_for_long(
    process: Process, ada: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = []

    async def read() -> None:
        await asyncio.sleep(writes.OVER_SECONDS)
        monkeypatch.setattr(writes, "asyncio", SimpleNamespace(**vars(asyncio) | {"wait": None}))  # whoever waits fails
        stamps.append((await process.ask(ada)).stamp)
        monkeypatch.undo()

    before_writes(process.rooms.database, read)
    await process.write(ada)
    assert stamps == [None]
    assert process.gate.counts.writes_seen == 1


async def test_a_rolled_back_write_is_over_as_well(process: Process, ada: Somebody) -> None:
    async def fail() -> None:
        raise RuntimeError("changed its mind")

    before_writes(process.rooms.database, fail)
    with pytest.raises(RuntimeError):
        await process.write(ada)
    assert (await process.ask(ada)).stamp is not None


async def test_an_ended_session_is_refused_at_once_everywhere_and_costs_one_query_at_most(start: Start) -> None:
    one, other = await start(), await start()
    ada = await one.register()
    assert (await other.ask(ada)).principal is not None
    async with one.rooms.database.transaction() as transaction:
        await one.rooms.sessions.end_all(transaction, ada.user_id)
    assert (await other.ask(ada)).principal is None
    loaded = other.gate.counts.sessions_loaded
    for process in (one, other):
        assert (await process.ask(ada)).principal is None
    assert other.gate.counts.sessions_loaded == loaded


async def test_the_requests_of_an_ended_session_eat_up_nobodys_allowance(process: Process, ada: Somebody) -> None:
    async with process.rooms.database.transaction() as transaction:
        await process.rooms.sessions.end_all(transaction, ada.user_id)
    await process.ask(ada)
    await process.ask(ada)
    assert (await process.ask(ada)).verdicts == ()


async def test_a_session_that_never_was_is_nobody(process: Process, ada: Somebody) -> None:
    stranger = Somebody(ada.user_id, uuid4())
    assert (await process.ask(stranger)).principal is None
    assert (await process.ask(ada)).principal is not None


async def test_a_session_belongs_to_its_user_alone(process: Process, ada: Somebody) -> None:
    grace = await process.register()
    await process.ask(ada)
    assert (await process.ask(Somebody(grace.user_id, ada.session_id))).principal is None


async def test_the_role_is_that_of_the_session(process: Process, ada: Somebody) -> None:
    async with process.rooms.database.transaction() as transaction:
        await transaction.execute("UPDATE sessions SET role = 'admin' WHERE user_id = $1", ada.user_id)
        transaction.touch(ada.user_id, "sessions")
    admission = await process.ask(ada)
    assert admission.principal is not None
    assert admission.principal.is_admin


async def test_a_question_about_nobody_only_counts(process: Process, valkey: Valkey) -> None:
    assert await process.gate.count(()) == await process.gate.count(())
    assert valkey.client.dbsize() == 0


async def test_many_misses_of_one_session_share_one_query(process: Process, ada: Somebody, valkey: Valkey) -> None:
    await process.ask(ada)
    await process.ask(ada)  # the copy went with this trip
    valkey.client.delete(f"session:{{{ada.user_id}}}:{ada.session_id}")
    loaded = process.gate.counts.sessions_loaded
    admissions = await _all(process, ada, 50)
    assert all(admission.principal is not None for admission in admissions)
    assert process.gate.counts.sessions_loaded == loaded + 1


async def test_a_session_is_noted_as_used_at_most_once_a_minute(process: Process, ada: Somebody) -> None:
    async def noted() -> bool:
        async with process.rooms.database.read() as connection:
            return bool(
                await connection.fetch_value(
                    "SELECT last_seen_at > now() - interval '1 minute' FROM sessions WHERE id = $1", ada.session_id
                )
            )

    async with process.rooms.database.transaction() as transaction:
        await transaction.execute("UPDATE sessions SET last_seen_at = now() - interval '2 minutes'")
        transaction.touch(ada.user_id, "sessions")
    await _all(process, ada, 20)
    await until(noted, 20)


async def test_versions_that_are_gone_leave_nothing_fresh(process: Process, ada: Somebody, valkey: Valkey) -> None:
    stamp = await process.kept(ada, b"the list")
    valkey.client.delete(f"versions:{{{ada.user_id}}}")
    admission = await process.ask(ada, held=stamp)
    assert (admission.stamp, admission.held_is_fresh, admission.body) == (None, False, None)


async def test_a_floor_that_has_grown_is_trusted(process: Process, ada: Somebody, valkey: Valkey) -> None:
    await process.ask(ada)
    valkey.client.flushall()
    assert (await process.ask(ada)).stamp is None

    async def is_grown() -> bool:
        return (await process.ask(ada)).stamp is not None

    await until(is_grown, 30)


async def test_a_copy_of_another_epoch_says_nothing(process: Process, ada: Somebody, valkey: Valkey) -> None:
    await process.kept(ada, b"the list")
    for key in (ada.body_key, f"session:{{{ada.user_id}}}:{ada.session_id}"):
        value = valkey.client.get(key)
        assert isinstance(value, bytes)
        valkey.client.set(key, bytes(12) + value[12:], ex=60)
    loaded = process.gate.counts.sessions_loaded
    admission = await process.ask(ada)
    assert admission.body is None
    assert admission.principal is not None
    assert process.gate.counts.sessions_loaded == loaded + 1


async def test_clearing_the_cache_forgets_every_answer_and_nobody_is_logged_out(start: Start) -> None:
    one, other = await start(), await start()
    ada = await one.register()
    stamp = await one.kept(ada, b"the list")
    await one.gate.clear()
    for process in (one, other):
        admission = await process.ask(ada, held=stamp)
        assert (admission.body, admission.held_is_fresh) == (None, False)
        assert admission.principal is not None


async def _all(process: Process, somebody: Somebody, count: int) -> list[Admission]:
    return await asyncio.gather(*(process.ask(somebody) for _ in range(count)))
