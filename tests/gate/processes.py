"""Processes of the API in one event loop, as far as the gate goes: rooms with a gate each, and people who ask it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from taskapi.app import close_rooms, open_rooms
from taskapi.auth import store as auth_store
from taskapi.auth.model import Session
from taskapi.config import DatabaseSettings, RedisSettings, Secret, Settings, TaskSettings
from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.gate.admission import Admission, Allowance, Counter, Question
from taskapi.kit.clock import system_clock
from taskapi.kit.ids import new_id
from taskapi.resources import Resources
from tests.house import quick_auth
from tests.kit.patience import until

READ = Allowance("read", 1000)
SECRET = Secret("a" * 40)


class Somebody(NamedTuple):
    """A person and a session of theirs."""

    user_id: UUID
    session_id: UUID

    @property
    def counters(self) -> tuple[Counter, ...]:
        """What a read of theirs counts against."""
        return (Counter(str(self.user_id), READ),)

    @property
    def body_key(self) -> str:
        """Where an answer of theirs is kept."""
        return f"tasks:{{{self.user_id}}}:"

    def question(self, *, field: str = "tasks") -> Question:
        """Ask for the list of tasks."""
        return Question(
            user_id=self.user_id,
            session_id=self.session_id,
            counters=self.counters,
            field=field,
            body_key=self.body_key,
        )


class Process:
    """One process of the API."""

    def __init__(self, rooms: Resources) -> None:
        self.rooms = rooms
        self.gate = rooms.gate

    async def serves(self) -> None:
        """Wait until what is kept may be served."""
        await until(self._serves, 30)

    async def ask(self, somebody: Somebody, held: bytes | None = None) -> Admission:
        """Ask for somebody's list of tasks."""
        return await self.admit(somebody.question(), held)

    async def admit(self, question: Question, held: bytes | None = None) -> Admission:
        """Ask any question."""
        return await self.gate.admit(self.gate.form(question), held)

    async def register(self) -> Somebody:
        """Make a person who is logged in."""
        now = system_clock()
        person = Person(
            id=new_id(now), email=f"{secrets.token_hex(8)}@example.org", name="Ada", role=Role.USER, created_at=now
        )
        session = Session(
            id=new_id(now),
            role=Role.USER,
            device="pytest",
            address="10.0.0.1",
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(days=30),
        )
        async with self.rooms.database.transaction() as transaction:
            await self.rooms.directory.add(transaction, person)
            await auth_store.add_session(transaction, person.id, session)
        return Somebody(person.id, session.id)

    async def write(self, somebody: Somebody, *fields: str) -> None:
        """Commit a transaction that touches fields of somebody."""
        async with self.rooms.database.transaction() as transaction:
            transaction.touch(somebody.user_id, *(fields or ("tasks",)))

    async def kept(self, somebody: Somebody, body: bytes) -> bytes:
        """Keep an answer for somebody and return its stamp."""
        admission = await self.ask(somebody)
        assert admission.stamp is not None
        self.gate.keep(somebody.question(), admission, body, 300)
        await self.ask(somebody)  # it leaves with this trip at the latest
        return admission.stamp

    async def _serves(self) -> bool:
        return self.gate.serves


@asynccontextmanager
async def running_process(database_url: str, redis_url: str, milliseconds: int = 2000) -> AsyncIterator[Process]:
    """Run a process for the length of the block."""
    rooms = open_rooms(
        Settings(
            database=DatabaseSettings(url=Secret(database_url)),
            redis=RedisSettings(url=Secret(redis_url), redis_timeout=milliseconds),
            auth=quick_auth(SECRET),
            tasks=TaskSettings(jobs=False),
        )
    )
    await rooms.database.open()
    await rooms.gate.open()
    try:
        yield Process(rooms)
    finally:
        await close_rooms(rooms)
