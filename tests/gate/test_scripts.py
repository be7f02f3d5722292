"""The scripts by themselves, called as the gate calls them: what each leaves behind, once and repeated."""

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from taskapi.gate import scripts
from taskapi.gate.scripts import Script
from tests.gate.valkey import Valkey, running_valkey

LIFE = 75_000_000
EPOCH = b"e" * 12
LOW, HIGH, NEXT_TIMELINE = (
    b"00000001" + b"0" * 15 + b"2",
    b"00000001" + b"0" * 15 + b"A",
    b"00000002" + b"0" * 15 + b"1",
)


def here(position: bytes) -> bytes:
    """Say where a write is that was begun in this epoch."""
    return EPOCH + b"1" + position


class User:
    """The keys of one user, and the scripts on them."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self.id = str(uuid4())
        self.versions = f"versions:{{{self.id}}}"
        self.session = f"session:{{{self.id}}}:s"
        self.body = f"tasks:{{{self.id}}}:"

    def call(self, script: Script, keys: list[str], *arguments: bytes | int | str) -> Any:
        return self._valkey.client.eval(script.text.decode(), len(keys), *keys, *arguments)

    def begin(self, write: str, *fields: str, new: bool = False, life: int = LIFE) -> bytes:
        token = os.urandom(12)
        assert self.call(scripts.BEGIN, [self.versions], write, token, life, "1" if new else "0", *fields) == 1
        return token

    def end(self, write: str, *fields: str, place: bytes = b"") -> bytes:
        token = os.urandom(12)
        assert self.call(scripts.END, [self.versions], write, token, place, *fields) == 1
        return token

    def admit(self, field: str = "tasks", held: bytes = b"") -> Any:
        keys = [self.versions, self.session, self.body]
        return self.call(scripts.ADMIT, keys, EPOCH, os.urandom(12), held, field, "1")

    def write(self, write: str, place: bytes) -> None:
        self.begin(write, "tasks")
        self.end(write, "tasks", place=place)

    def filed(self, field: str = "user", epoch: bytes = EPOCH) -> bytes | None:
        """Return from where on a replica may load what depends on a field."""
        keys = [self.versions, self.session, self.body]
        reply = self.call(scripts.ADMIT, keys, epoch, os.urandom(12), b"", field, "2")
        position: bytes | None = reply[5] if len(reply) > 5 else None
        return position

    def version(self, field: str = "tasks") -> bytes | None:
        version: bytes | None = self.admit(field)[2]
        return version

    def grow(self) -> None:
        """Make the floor older than anything that may have been wiped."""
        self._valkey.client.hset(self.versions, "born", 1)

    def hash(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = self._valkey.run("HGETALL", self.versions)
        return found

    def refill(self, version: bytes, copy: bytes = b"user 1 2") -> int:
        kept: int = self.call(scripts.REFILL, [self.versions, self.session], EPOCH + version, copy, 60)
        return kept


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def user(shared_valkey: Valkey) -> Iterator[User]:
    yield User(shared_valkey)
    assert shared_valkey.keys_without_end() == []


@pytest.fixture
def known(user: User) -> User:
    """A user whose floor has grown."""
    user.admit()
    user.grow()
    return user


def test_a_question_makes_the_floor_that_is_missing_and_does_not_trust_it_yet(user: User) -> None:
    assert user.version() is None
    user.grow()
    floor = user.version()
    assert floor is not None
    assert user.version("user") == user.version("task:1") == floor


def test_a_floor_from_the_future_begins_anew(known: User, shared_valkey: Valkey) -> None:
    shared_valkey.client.hset(known.versions, "born", 10**17)
    assert known.version() is None
    assert int(known.hash()[b"born"]) < 10**17


def test_the_first_write_of_a_new_user_leaves_a_floor_that_is_trusted(user: User) -> None:
    user.begin("a1", "user", new=True)
    user.end("a1", "user")
    assert user.version("tasks") is not None


def test_a_write_gives_its_fields_a_new_version_at_its_beginning_and_another_at_its_end(known: User) -> None:
    before = known.version()
    begun = known.begin("a1", "tasks")
    assert known.version() is None
    ended = known.end("a1", "tasks")
    assert known.version() == ended
    assert len({before, begun, ended}) == 3
    assert known.version("user") == before


def test_a_field_is_under_way_as_long_as_one_of_its_writes_is(known: User) -> None:
    known.begin("a1", "tasks", "task:0191-ab")
    known.begin("a2", "tasks")
    known.end("a1", "tasks", "task:0191-ab")
    assert known.version() is None
    assert known.version("task:0191-ab") is not None
    known.end("a2", "tasks")
    assert known.version() is not None


def test_a_repeated_beginning_is_one_write(known: User) -> None:
    known.begin("a1", "tasks")
    known.begin("a1", "tasks")
    known.end("a1", "tasks")
    assert known.version() is not None


def test_a_repeated_end_only_gives_another_version(known: User) -> None:
    known.begin("a1", "tasks")
    first = known.end("a1", "tasks")
    known.begin("a2", "tasks")
    second = known.end("a1", "tasks")
    assert first != second
    assert known.version() is None, "the other write is still under way"
    third = known.end("a2", "tasks")
    assert known.version() == third


def test_an_end_without_a_beginning_still_gives_a_new_version(known: User) -> None:
    before = known.version()
    after = known.end("a1", "tasks")
    assert known.version() == after != before


def test_an_end_after_a_flush_makes_a_floor_that_is_not_trusted_yet(user: User) -> None:
    user.end("a1", "tasks")
    assert user.version() is None
    assert user.version("user") is None


def test_a_write_over_its_deadline_is_dropped(known: User) -> None:
    known.begin("a1", "tasks", life=-1)
    assert known.version() is not None
    assert b"writing" not in known.hash()


def test_a_hash_that_grew_too_large_is_replaced_and_remembers_the_writes_under_way(known: User) -> None:
    known.begin("a1", "user")
    old = known.version("tasks")
    known.end("", *(f"task:{number}" for number in range(1500)))
    known.end("", *(f"task:{number}" for number in range(1500, 2500)))
    floor = known.begin("a2", "tasks")
    assert len(known.hash()) < 10
    assert known.version("user") is None
    assert known.version("task:7") == floor != old
    known.end("a1", "user")
    assert known.version("user") is not None


def test_the_versions_live_a_day_after_their_last_use(known: User, shared_valkey: Valkey) -> None:
    shared_valkey.client.expire(known.versions, 1000)
    known.admit()
    assert shared_valkey.client.ttl(known.versions) > 86_000


@pytest.mark.parametrize("step", ["begin", "end"])
def test_not_even_a_write_that_was_interrupted_stays_for_ever(user: User, shared_valkey: Valkey, step: str) -> None:
    getattr(user, step)("a1", "tasks")
    assert 0 < shared_valkey.client.ttl(user.versions) <= 86_400


def test_a_body_comes_only_under_the_current_version(known: User, shared_valkey: Valkey) -> None:
    version = known.version()
    assert version is not None
    stamp = EPOCH + version
    shared_valkey.client.set(known.body, stamp + b"body", ex=60)
    assert known.admit()[3:5] == [0, b"body"]
    assert known.admit(held=stamp)[3:5] == [1, None]
    assert known.admit(held=b"x" * 24)[3:5] == [0, b"body"]
    known.end("a1", "tasks")
    assert known.admit(held=stamp)[3:5] == [0, None]


def test_a_body_of_another_epoch_stays_where_it_is(known: User, shared_valkey: Valkey) -> None:
    version = known.version()
    assert version is not None
    shared_valkey.client.set(known.body, b"f" * 12 + version + b"body", ex=60)
    assert known.admit()[4] is None


def test_a_copy_of_a_session_is_kept_under_the_version_it_was_read_under(known: User) -> None:
    status, version, *_ = known.admit()
    assert status == 0
    assert known.refill(version) == 1
    assert known.admit()[:2] == [1, b"user 1 2"]


def test_a_copy_is_not_kept_if_sessions_changed_while_it_was_read(known: User) -> None:
    version = known.admit()[1]
    known.begin("a1", "sessions")
    assert known.refill(version) == 0
    known.end("a1", "sessions")
    assert known.refill(version) == 0
    assert known.admit()[0] == 0


def test_a_copy_is_not_kept_if_the_versions_are_gone(known: User, shared_valkey: Valkey) -> None:
    version = known.admit()[1]
    shared_valkey.client.delete(known.versions)
    assert known.refill(version) == 0
    known.admit()
    assert known.refill(version) == 0


def test_a_copy_says_nothing_once_a_session_ended(known: User) -> None:
    known.refill(known.admit()[1])
    known.begin("a1", "sessions")
    assert known.admit()[:2] == [0, None]
    ended = known.end("a1", "sessions")
    assert known.admit()[:2] == [0, ended]


def test_a_tombstone_answers_alone_and_in_its_epoch_only(known: User, shared_valkey: Valkey) -> None:
    shared_valkey.client.set(known.session, EPOCH + bytes(12) + b"-", ex=60)
    assert known.admit() == [2]
    known.end("a1", "sessions")
    assert known.admit() == [2]
    shared_valkey.client.set(known.session, b"f" * 12 + bytes(12) + b"-", ex=60)
    assert known.admit()[0] == 0


def test_an_end_files_from_where_on_a_replica_has_the_write(known: User) -> None:
    assert known.filed() is None
    known.write("a1", here(LOW))
    assert known.filed() == known.filed("tasks") == LOW


def test_the_highest_position_counts_and_a_later_timeline_is_higher(known: User) -> None:
    for write, position, filed in (("a1", HIGH, HIGH), ("a2", LOW, HIGH), ("a3", NEXT_TIMELINE, NEXT_TIMELINE)):
        known.write(write, here(position))
        assert known.filed() == filed


def test_nothing_is_filed_while_any_write_is_under_way(known: User) -> None:
    known.write("a1", here(LOW))
    known.begin("a2", "sessions")
    assert known.filed() is None
    known.end("a2", "sessions", place=here(HIGH))
    assert known.filed() == HIGH


def test_a_position_says_nothing_in_another_epoch_and_still_raises_the_next(known: User) -> None:
    known.write("a1", b"f" * 12 + b"1" + HIGH)
    assert known.filed() is None
    known.write("a2", here(LOW))
    assert known.filed() == HIGH
    assert known.filed(epoch=b"f" * 12) is None


def test_a_write_begun_in_another_epoch_only_raises(known: User) -> None:
    known.write("a1", EPOCH + b"0" + LOW)
    assert known.filed() is None
    known.write("a2", here(LOW))
    known.write("a3", EPOCH + b"0" + HIGH)
    assert known.filed() == HIGH


def test_a_write_whose_entry_is_gone_only_raises(known: User) -> None:
    known.end("a1", "tasks", place=here(LOW))
    assert known.filed() is None
    known.write("a2", here(LOW))
    known.end("", "tasks", place=EPOCH + b"0" + HIGH)
    assert known.filed() == HIGH


def test_a_write_begun_while_the_floor_was_young_only_raises(user: User) -> None:
    user.admit()
    user.begin("a1", "tasks")
    user.grow()
    user.end("a1", "tasks", place=here(LOW))
    assert user.filed() is None
    user.write("a2", here(LOW))
    assert user.filed() == LOW


def test_the_first_write_of_a_new_user_files(user: User) -> None:
    user.begin("a1", "user", new=True)
    user.end("a1", "user", place=here(LOW))
    assert user.filed() == LOW


def test_nobody_reads_replicas_after_a_write_that_nobody_can_place(known: User) -> None:
    known.write("a1", here(LOW))
    known.begin("a2", "tasks")
    known.write("a3", b"")
    known.end("a2", "tasks", place=here(HIGH))
    assert known.filed() is None, "a2 may have been committed before a3"
    known.write("a4", here(HIGH))
    assert known.filed() == HIGH


@pytest.mark.parametrize("noticed", ["admit", "begin", "end"])
def test_nobody_reads_replicas_after_a_write_that_nobody_ended(known: User, noticed: str) -> None:
    known.write("a1", here(LOW))
    known.begin("a2", "tasks", life=-1)
    if noticed == "admit":
        known.admit()
    elif noticed == "begin":
        known.write("a3", b"-")
    else:
        known.end("a4", "tasks", place=here(HIGH))
    assert known.filed() is None
    known.write("a5", here(HIGH))
    assert known.filed() == HIGH


def test_a_write_that_was_under_way_when_another_got_lost_only_raises(known: User) -> None:
    known.begin("a1", "tasks")
    known.begin("a2", "tasks", life=-1)
    known.admit()
    known.end("a1", "tasks", place=here(LOW))
    assert known.filed() is None


def test_a_write_that_was_rolled_back_leaves_the_position_as_it_is(known: User) -> None:
    known.write("a1", here(LOW))
    known.write("a2", b"-")
    assert known.filed() == LOW


def test_a_write_that_was_under_way_when_the_hash_was_replaced_only_raises(known: User) -> None:
    known.begin("a1", "user")
    known.write("a2", here(HIGH))
    known.end("", *(f"task:{number}" for number in range(1500)), place=b"-")
    known.end("", *(f"task:{number}" for number in range(1500, 2500)), place=b"-")
    known.write("a3", b"-")
    known.end("a1", "user", place=here(LOW))
    assert known.filed() is None, "the hash forgot how far a2 was"
    known.write("a4", here(HIGH))
    assert known.filed() == HIGH


def test_no_position_comes_with_an_answer_that_is_kept(known: User, shared_valkey: Valkey) -> None:
    known.write("a1", here(LOW))
    version = known.version()
    assert version is not None
    shared_valkey.client.set(known.body, EPOCH + version + b"body", ex=60)
    assert known.filed("tasks") is None
