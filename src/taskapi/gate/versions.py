"""Versions: what a transaction touches is written under way in Redis before COMMIT and gets new versions after it.

`begin` must be confirmed before COMMIT, `end` before the answer. Where Redis does not confirm one, the gate is closed
in PostgreSQL instead, and nothing is acknowledged before nobody can serve the past any more.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from uuid import UUID

from taskapi.gate import keys, scripts
from taskapi.gate.calls import Call, Unreachable, packed, script_command
from taskapi.gate.counts import Counts
from taskapi.gate.lease import Lease
from taskapi.gate.nodes import Nodes
from taskapi.gate.slots import slot_of
from taskapi.gate.store import Waiting
from taskapi.kit.database import position

Fields = Mapping[UUID, Iterable[str]]
Make = Callable[[UUID], Call]
Check = Callable[[str | None], bool]
"""Takes who the servers are: for a beginning the gate must be open on them, for an end no other may be in the row."""
FRESH_SECONDS = 1.0
"""What took longer is said again: a flush in between may have wiped it, and two seconds later nobody would notice."""

ATTEMPTS = 2
"""A connection may have been lost a moment ago without anything being wrong with Redis."""


NOTHING_COMMITTED = b"-"
"""Stands where an end tells from where on a replica has the write."""

UNFILED = (position.UNKNOWN, NOTHING_COMMITTED)


class Write:
    """One transaction's part in the versions."""

    def __init__(self, fields: Fields, introduced: frozenset[UUID]) -> None:
        self.id = os.urandom(12).hex().encode()
        self.fields = fields
        self.introduced = introduced
        self.begun_at: float | None = None
        """When the beginning was sent that Redis confirmed last."""

        self.beginning: asyncio.Future[bool] | None = None
        """The beginning, sent ahead of the last statement."""

        self.calls: dict[UUID, Call] = {}
        """The last attempt to begin, for each user; it knows in which epoch that was."""

        loop = asyncio.get_running_loop()
        self.started = loop.time()
        self.over: asyncio.Future[None] = loop.create_future()
        """Is done once it has ended; never, if nobody knows whether it was committed."""

    @property
    def begun(self) -> bool:
        """Whether Redis confirmed the beginning."""
        return self.begun_at is not None


class Versions:
    """Begins and ends writes in Redis."""

    def __init__(self, nodes: Nodes, lease: Lease, counts: Counts) -> None:
        self._nodes = nodes
        self._lease = lease
        self._counts = counts

    async def begin(self, write: Write) -> bool:
        """Enter a write among those under way; says whether every server confirmed it that is the right one."""
        make = partial(self._begin, write)
        write.begun_at = await self._confirmed(make, write.fields, self._lease.serves)
        return write.begun

    def is_recent(self, write: Write) -> bool:
        """Say whether a write began so lately that no flush since then can have been forgotten at its commit."""
        return write.begun_at is not None and self._lease.now() - write.begun_at < FRESH_SECONDS

    async def end(self, write: Write, place: bytes) -> bool:
        """Give the fields of a write new versions and take it from those under way; says whether that is confirmed.

        `place`: the position from which on a replica has it, or NOTHING_COMMITTED.
        """
        make = partial(self._end, write.id, write.fields, place, write.calls)
        return await self._confirmed(make, write.fields, self._lease.names) is not None

    async def announce(self, fields: Fields, place: bytes) -> bool:
        """Give fields new versions; says whether that is confirmed. `place`: from where on a replica has them."""
        make = partial(self._end, b"", fields, place, {})
        return await self._confirmed(make, fields, self._lease.names) is not None

    async def touch(self, fields: Fields) -> bool:
        """Give fields new versions on whatever server answers; says whether all did."""
        return await self._all_answered(partial(self._end, b"", fields, position.UNKNOWN, {}), fields)

    async def _confirmed(self, make: Make, fields: Fields, is_enough: Check) -> float | None:
        """Return when that was sent which every server confirmed lately; None if that did not work out."""
        for _ in range(ATTEMPTS):
            started = self._lease.now()
            is_told = await self._all_answered(make, fields) and await self._is_right(is_enough)
            if is_told and self._lease.now() - started < FRESH_SECONDS:
                return started
        self._counts.unconfirmed_writes += 1
        return None

    async def _all_answered(self, make: Make, fields: Fields) -> bool:
        calls = [make(user_id) for user_id in fields]
        try:
            for call in calls:
                self._nodes.line(call.slot).ask(call)
        except Unreachable as error:
            for call in calls:
                call.fail(str(error))
        answers = [await _is_answered(call) for call in calls]
        return all(answers) and all(call.epoch == self._nodes.line(call.slot).epoch for call in calls)

    async def _is_right(self, is_enough: Check) -> bool:
        """Say whether everybody who serves stands on the servers that answered, as far as `is_enough` asks."""
        if not is_enough(self._nodes.identity):
            try:
                await self._lease.refresh()
            except Exception:  # PostgreSQL is away: then nothing is known
                return False
        return is_enough(self._nodes.identity)

    def _begin(self, write: Write, user_id: UUID) -> Call:
        is_new = b"1" if user_id in write.introduced else b"0"
        arguments = (write.id, os.urandom(12), keys.WRITE_SECONDS * 1_000_000, is_new)
        call = write.calls[user_id] = _call(scripts.BEGIN, user_id, *arguments, *_encoded(write.fields[user_id]))
        return call

    def _end(self, write_id: bytes, fields: Fields, place: bytes, begun: Mapping[UUID, Call], user_id: UUID) -> Call:
        if place in UNFILED:
            return _call(scripts.END, user_id, write_id, os.urandom(12), place, *_encoded(fields[user_id]))
        return FilingCall(write_id, user_id, place, begun.get(user_id), _encoded(fields[user_id]))


class FilingCall(Call):
    """An end that files where a replica has the write: under the epoch of the server that it reaches.

    What was committed without an entry there lies before it, if the write was begun in this epoch.
    """

    __slots__ = ("_begun", "_fields", "_key", "_place", "_token", "_write_id")

    def __init__(self, write_id: bytes, user_id: UUID, place: bytes, begun: Call | None, fields: list[bytes]) -> None:
        self._key = keys.versions(user_id)
        super().__init__((), asyncio.get_running_loop().create_future(), slot_of(self._key))
        self._write_id = write_id
        self._token = os.urandom(12)
        self._place = place
        self._begun = begun
        self._fields = fields

    def packed(self, epoch: bytes) -> bytes:
        """Return what goes to a server of this epoch."""
        self.epoch = epoch
        is_begun = b"1" if self._begun is not None and self._begun.epoch == epoch else b"0"
        filed = b"".join((epoch, is_begun, self._place))
        return packed(script_command(scripts.END, (self._key,), self._write_id, self._token, filed, *self._fields))


async def _is_answered(call: Call) -> bool:
    assert call.future is not None
    try:
        return bool(await call.future == 1)
    except Unreachable:
        return False


def _call(script: scripts.Script, user_id: UUID, *arguments: bytes | int) -> Call:
    key = keys.versions(user_id)
    command = script_command(script, (key,), *arguments)
    return Call(command, asyncio.get_running_loop().create_future(), slot_of(key))


def _encoded(fields: Iterable[str]) -> list[bytes]:
    return [field.encode() for field in sorted(fields)]


def fields_of(rows: Iterable[Waiting]) -> dict[UUID, set[str]]:
    """Return the fields that rows touch, by user."""
    fields: dict[UUID, set[str]] = defaultdict(set)
    for row in rows:
        fields[row.user_id].update(row.fields)
    return {user_id: names for user_id, names in fields.items() if names}
