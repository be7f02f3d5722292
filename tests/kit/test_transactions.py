"""A transaction stores its change, its events and what it outdates together, or nothing; its connection comes back."""

import asyncio
import gc
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from taskapi.errors import Overloaded
from taskapi.kit.database import Database, ReadConnection, Transaction, apart, deferred_commit
from taskapi.kit.outbox import Event
from tests.kit.conftest import Look, ThingExists, TwinMissing
from tests.kit.patience import until
from tests.kit.wire import Wire

pytestmark = pytest.mark.anyio

ADA = UUID(int=1)
GRACE = UUID(int=2)
ADD = "INSERT INTO things (name) VALUES ($1)"
COUNT = "SELECT count(*) FROM things"
OUTBOX = "SELECT coalesce(json_agg(outbox ORDER BY user_id), '[]')::text FROM outbox"


class ThingMade(Event, frozen=True, kw_only=True):
    """A thing is new."""

    size: int


class Witness:
    """Hangs on every hook and writes down what it sees there."""

    def __init__(self, database: Database, look: Look) -> None:
        self.seen: list[tuple[str, int]] = []
        self._look = look
        for name in ("before_commit", "after_commit", "after_rollback"):
            getattr(database.hooks, name).append(self._hook(name))

    @property
    def names(self) -> list[str]:
        """The hooks that ran, in order."""
        return [name for name, _ in self.seen]

    async def saw(self, *names: str) -> bool:
        """Say whether exactly these hooks ran, in this order."""
        return self.names == list(names)

    async def note(self, name: str) -> None:
        """Write down how many things everybody can see."""
        self.seen.append((name, await self._look(COUNT)))

    def _hook(self, name: str) -> Any:
        return lambda _: self.note(name)


@pytest.fixture
def witness(database: Database, look: Look) -> Witness:
    return Witness(database, look)


async def add(database: Database, name: str = "spoon") -> None:
    async with database.transaction() as transaction:
        await transaction.execute(ADD, name)


async def test_change_events_and_touched_fields_are_stored_with_one_statement_more(
    database: Database, look: Look
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(ADD, "spoon")
        transaction.emit(ThingMade(user_id=ADA, size=7))
        transaction.touch(ADA, "tasks")
        transaction.touch(ADA, "task:1", "tasks")
        transaction.touch(GRACE, "user")
        assert transaction.touched == {ADA: {"tasks", "task:1"}, GRACE: {"user"}}
    assert database.statements.count == 2
    made, touched = json.loads(await look(OUTBOX))
    assert (made["event"], made["fields"]) == ("ThingMade", ["task:1", "tasks"])
    assert made["payload"] == {"userId": str(ADA), "size": 7}
    assert (touched["event"], touched["fields"], touched["user_id"]) == (
        "VersionsTouched",
        ["user"],
        str(GRACE),
    )
    assert made["announced_at"] is None


async def test_nothing_to_tell_costs_no_statement(database: Database) -> None:
    await add(database)
    assert database.statements.count == 1


@pytest.mark.parametrize("telling", [True, False])
async def test_inserts_that_can_wait_travel_with_the_events(database: Database, look: Look, *, telling: bool) -> None:
    async with database.transaction() as transaction:
        if telling:
            transaction.emit(ThingMade(user_id=ADA, size=1))
        for name in ("fork", "knife"):
            transaction.insert_last(ADD, name)
    assert await look(COUNT) == 2
    assert await look("SELECT count(*) FROM outbox") == telling
    assert database.statements.count == 1


async def test_a_failure_leaves_neither_change_nor_event(database: Database, look: Look, witness: Witness) -> None:
    async def fail() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(ADD, "spoon")
            transaction.emit(ThingMade(user_id=ADA, size=1))
            transaction.after_commit(lambda: witness.note("work"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await look(COUNT) == 0
    assert await look("SELECT count(*) FROM outbox") == 0
    assert witness.names == ["after_rollback"]


async def test_work_that_fails_after_the_commit_undoes_nothing_and_stops_nothing(
    database: Database, look: Look, witness: Witness
) -> None:
    async def fail() -> None:
        raise ConnectionError("away")

    async with database.transaction() as transaction:
        await transaction.execute(ADD, "spoon")
        transaction.after_commit(fail)
        transaction.after_commit(lambda: witness.note("next"))
    assert witness.names == ["before_commit", "after_commit", "next"]
    assert await look(COUNT) == 1


async def test_work_follows_the_commit_in_the_order_in_which_it_was_hung_up(
    database: Database, witness: Witness
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(ADD, "spoon")
        transaction.after_commit(lambda: witness.note("first"))
        transaction.after_commit(lambda: witness.note("second"))
        await witness.note("inside")
    assert witness.seen == [
        ("inside", 0),
        ("before_commit", 0),
        ("after_commit", 1),
        ("first", 1),
        ("second", 1),
    ]


async def test_work_after_the_commit_may_use_every_connection(database: Database, look: Look) -> None:
    async with database.transaction() as transaction:
        for name in ("spoon", "fork", "knife"):
            transaction.after_commit(lambda name=name: add(database, name))  # type: ignore[misc]
    assert await look(COUNT) == 3


async def test_a_hook_that_objects_undoes_the_change(database: Database, look: Look, witness: Witness) -> None:
    async def object_to(_: Transaction) -> None:
        raise Overloaded

    database.hooks.before_commit.append(object_to)
    with pytest.raises(Overloaded):
        await add(database)
    assert await look(COUNT) == 0
    assert witness.names == ["before_commit", "after_rollback"]


async def test_a_constraint_that_is_checked_at_the_commit_has_its_error_too(
    database: Database, witness: Witness
) -> None:
    with pytest.raises(TwinMissing):
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things (name, twin) VALUES ('spoon', 'fork')")
    assert witness.names == ["before_commit", "after_rollback"]


async def test_an_error_that_somebody_hid_is_no_commit(database: Database, look: Look, witness: Witness) -> None:
    async def hide() -> None:
        async with database.transaction() as transaction:
            with suppress(asyncpg.UniqueViolationError):
                await transaction.execute(ADD, "spoon")

    await add(database)
    with pytest.raises(RuntimeError, match="hidden"):
        await hide()
    assert await look(COUNT) == 1
    assert witness.names[-1] == "before_commit"


async def test_a_caller_that_goes_away_in_time_undoes_the_change(
    database: Database, look: Look, wire: Wire, witness: Witness
) -> None:
    hold = wire.hold_answer(b"INSERT")
    caller = asyncio.create_task(add(database))
    await hold.reached.wait()
    caller.cancel()
    hold.release()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await look(COUNT) == 0
    assert witness.names == ["after_rollback"]


@pytest.mark.parametrize("cancellations", [1, 2])
async def test_a_caller_that_goes_away_during_the_commit_does_not_stop_it(
    database: Database, look: Look, wire: Wire, witness: Witness, cancellations: int
) -> None:
    hold = wire.hold_answer(b"COMMIT")
    caller = asyncio.create_task(add(database))
    await hold.reached.wait()
    for _ in range(cancellations):
        caller.cancel()
        await asyncio.sleep(0)
    hold.release()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await until(lambda: witness.saw("before_commit", "after_commit"))
    assert await look(COUNT) == 1


async def test_a_commit_that_fails_after_its_caller_went_away_is_no_news_to_the_loop(
    database: Database, witness: Witness
) -> None:
    reached, told = asyncio.Event(), list[Any]()

    async def fail(_: Transaction) -> None:
        reached.set()
        await asyncio.sleep(0.01)
        raise Overloaded

    database.hooks.before_commit.append(fail)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    caller = asyncio.create_task(add(database))
    await reached.wait()
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert await witness.saw("before_commit", "after_rollback")
    del caller
    gc.collect()
    assert told == []


async def test_a_caller_that_goes_away_during_the_rollback_loses_no_connection(
    database: Database, wire: Wire, witness: Witness
) -> None:
    async def fail() -> None:
        async with database.transaction():
            raise ZeroDivisionError

    hold = wire.hold_answer(b"ROLLBACK")
    caller = asyncio.create_task(fail())
    await hold.reached.wait()
    caller.cancel()
    await asyncio.sleep(0)
    caller.cancel()
    hold.release()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await until(lambda: witness.saw("after_rollback"))


async def test_a_caller_that_goes_away_at_the_very_start_leaves_no_transaction_open(
    database: Database, wire: Wire, look: Look
) -> None:
    hold = wire.hold_answer(b"BEGIN")
    caller = asyncio.create_task(add(database))
    await hold.reached.wait()
    caller.cancel()
    hold.release()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await add(database)
    assert await look(COUNT) == 1


async def test_a_transaction_has_a_deadline(database: Database, look: Look) -> None:
    async def dawdle() -> None:
        async with database.transaction(seconds=0.05) as transaction:
            await transaction.execute(ADD, "spoon")
            await asyncio.sleep(30)

    with pytest.raises(Overloaded):
        await dawdle()
    assert await look(COUNT) == 0


@pytest.mark.parametrize("reached", [True, False], ids=["reached", "lost on the way"])
async def test_a_commit_that_nobody_can_vouch_for_runs_no_hook(
    database: Database, look: Look, wire: Wire, witness: Witness, *, reached: bool
) -> None:
    hold = wire.hold_answer(b"COMMIT") if reached else wire.hold_request(b"COMMIT")
    caller = asyncio.create_task(add(database))
    await hold.reached.wait()
    wire.cut()
    with pytest.raises(Overloaded):
        await caller
    assert await look(COUNT) == reached
    assert witness.names == ["before_commit"]


async def test_a_deferred_commit_comes_when_the_edge_says_so(database: Database, look: Look, witness: Witness) -> None:
    async def first(transaction: Transaction) -> None:
        await transaction.execute(ADD, "first")

    async with deferred_commit(first) as deferral:
        assert deferral.transaction is None
        await add(database)
        assert (deferral.transaction is not None, witness.names) == (True, [])
        await deferral.commit()
        assert await look("SELECT array_agg(name) FROM things") == ["first", "spoon"]
        await deferral.commit()
    assert witness.names == ["before_commit", "after_commit"]


async def test_a_deferred_commit_that_never_comes_is_a_rollback(
    database: Database, look: Look, witness: Witness
) -> None:
    async def nothing(_: Transaction) -> None:
        """Have nothing to do first."""

    async with deferred_commit(nothing):
        await add(database)
    assert (await look(COUNT), witness.names) == (0, ["after_rollback"])
    await add(database)
    assert await look(COUNT) == 1


async def test_what_must_last_commits_apart(database: Database, look: Look) -> None:
    async def nothing(_: Transaction) -> None:
        """Have nothing to do first."""

    async with deferred_commit(nothing):
        with apart():
            await add(database, "fork")
        await add(database, "spoon")
    assert await look("SELECT array_agg(name) FROM things") == ["fork"]


async def test_a_reader_has_no_way_to_write() -> None:
    offered = {name for name in dir(ReadConnection) if not name.startswith("_")}
    assert offered == {"fetch", "fetch_one", "fetch_value", "plan"}


async def test_a_statement_says_how_many_rows_it_changed(database: Database) -> None:
    async with database.transaction() as transaction:
        assert await transaction.execute("INSERT INTO things (name) VALUES ('a'), ('b')") == 2
        assert await transaction.execute("DELETE FROM things WHERE name = 'c'") == 0
        assert await transaction.execute("LOCK TABLE things IN SHARE MODE") == 0
        row = await transaction.fetch_one("SELECT name FROM things ORDER BY name")
        assert row is not None
        assert row["name"] == "a"
        assert len(await transaction.fetch("SELECT * FROM things")) == 2


async def test_a_setting_made_in_a_transaction_ends_with_it(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.fetch_value("SELECT set_config('work_mem', '77MB', true)")
    async with database.read() as connection:
        assert await connection.fetch_value("SHOW work_mem") != "77MB"


async def test_a_second_thing_of_that_name_is_refused_by_the_name_of_its_constraint(database: Database) -> None:
    await add(database)
    with pytest.raises(ThingExists):
        await add(database)
