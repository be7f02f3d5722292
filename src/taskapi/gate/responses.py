"""Kept answers: in this process's memory, in Redis, or loaded through the router once for all who wait for them.

An answer is kept under the stamp that its reader was admitted with, before the database was read. Whether that stamp is
still the current one is asked with every request; nothing here decides it.
"""

from time import monotonic
from typing import NamedTuple

from litestar.types import ASGIApp, Scope

from taskapi.contracts.identity import Principal
from taskapi.gate.admission import Admission, Question
from taskapi.gate.answers import Answer, Prepared, packed, unpacked
from taskapi.gate.forwarding import taken_down
from taskapi.gate.gate import Gate
from taskapi.gate.loads import Loads
from taskapi.gate.memory import Memory
from taskapi.http.hardening import Header
from taskapi.kit.clock import Clock
from taskapi.kit.database import read_past
from taskapi.kit.tracing import spanned

HIT_MEMORY = (b"x-cache", b"hit-memory")
HIT_REDIS = (b"x-cache", b"hit-redis")
MISS = (b"x-cache", b"miss")
BYPASS = (b"x-cache", b"bypass")

Found = tuple[Prepared, Header]
"""An answer, and the header that says where it comes from."""


class Wanted(NamedTuple):
    """A read whose answer is kept: the request, and what was asked about it."""

    scope: Scope
    question: Question
    seconds: int
    """How long the answer may be kept."""


class Responses:
    """Finds answers and keeps them."""

    def __init__(self, router: ASGIApp, gate: Gate, memory: Memory, loads: Loads[Prepared], clock: Clock) -> None:
        self._router = spanned("router", router)
        self._gate = gate
        self._memory = memory
        self._loads = loads
        self._clock = clock

    @property
    def capacity(self) -> int:
        """Bytes of answers that this process may keep."""
        return self._memory.capacity

    @property
    def memory_used(self) -> int:
        """Bytes of answers in this process."""
        return self._memory.used

    def held(self, key: str) -> Prepared | None:
        """Return what this process holds under a key and might send, if it is the newest."""
        found = self._memory.find(key)
        if found is not None and found.answer.right_until is not None and self._is_over(found.answer):
            return None
        return found

    async def find(self, wanted: Wanted, admission: Admission) -> Found | None:
        """Return an answer from Redis or from the router; None if the router's must not be kept. Raises Overloaded."""
        if admission.stamp is None or admission.principal is None:
            return None
        if admission.body is not None:
            found = self._brought(wanted, admission.body, admission.stamp)
            if found is not None:
                return found, HIT_REDIS
        return await self._loaded(wanted, admission, admission.principal, admission.stamp)

    def _brought(self, wanted: Wanted, body: bytes, stamp: bytes) -> Prepared | None:
        answer = unpacked(body)
        if answer is None or self._is_over(answer):
            return None
        return self._kept(wanted, answer, stamp)[0]

    async def _loaded(self, wanted: Wanted, admission: Admission, caller: Principal, stamp: bytes) -> Found:
        async def load() -> Prepared:
            read_past(admission.position)  # in this load only, which is a task of its own
            answer = await taken_down(self._router, wanted.scope, caller)
            if not answer.may_be_kept:
                return Prepared(answer, stamp, 0)
            prepared, seconds = self._kept(wanted, answer, stamp)
            if seconds >= 1:
                self._gate.keep(wanted.question, admission, packed(answer), int(seconds))
            return prepared

        prepared = await self._loads.share((wanted.question.body_key, stamp), load)
        return prepared, MISS if prepared.answer.may_be_kept else BYPASS

    def _kept(self, wanted: Wanted, answer: Answer, stamp: bytes) -> tuple[Prepared, float]:
        seconds = answer.seconds(wanted.seconds, self._clock())
        prepared = Prepared(answer, stamp, monotonic() + seconds)
        if seconds > 0:
            assert wanted.question.body_key is not None
            self._memory.keep(wanted.question.body_key, prepared)
        return prepared, seconds

    def _is_over(self, answer: Answer) -> bool:
        return answer.right_until is not None and answer.seconds(1, self._clock()) <= 0
