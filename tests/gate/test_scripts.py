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

    def end(self, write: str, *fields: str) -> bytes:
        token = os.urandom(12)
        assert self.call(scripts.END, [self.versions], write, token, *fields) == 1
        return token

    def admit(self, field: str = "tasks", held: bytes = b"") -> Any:
        keys = [self.versions, self.session, self.body]
        return self.call(scripts.ADMIT, keys, EPOCH, os.urandom(12), held, field, "1")

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
