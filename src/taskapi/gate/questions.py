"""Turns a question into the commands of one trip, and their answers into an admission."""

import asyncio
import os
from typing import Any

from taskapi.contracts.identity import Principal
from taskapi.gate.admission import Admission, Question, Source, Verdict
from taskapi.gate.calls import Call, Unreachable
from taskapi.gate.counts import Counts
from taskapi.gate.forms import Form
from taskapi.gate.lease import Lease
from taskapi.gate.local_limits import LocalLimits
from taskapi.gate.nodes import Nodes
from taskapi.gate.sessions import Sessions
from taskapi.gate.tally import Tally, read_verdicts, refuses
from taskapi.gate.visitors import Visitor, Visitors

ALIVE, ENDED = 1, 2
BEFORE_COUNTERS = 5
UNKNOWN = [0, None, None, 0, None]
"""What an answer says that may not be believed."""

TOKENS_AT_ONCE = 256


class AdmitCall(Call):
    """The question of a request, which names the epoch of the server that it reaches."""

    __slots__ = ("_floor", "_form", "_question", "question_future")

    def __init__(self, form: Form, floor: bytes, question: Question, future: "asyncio.Future[Any]", slot: int) -> None:
        super().__init__((), future, slot)
        self.question_future = future
        self._form = form
        self._floor = floor
        self._question = question

    def packed(self, epoch: bytes) -> bytes:
        """Return what goes to a server of this epoch."""
        self.epoch = epoch
        question = self._question
        field, key = question.field, question.body_key
        return self._form.write(
            epoch,
            self._floor,
            question.held,
            b"" if field is None else field.encode(),
            None if key is None else key.encode(),
        )


class Questions:
    """Asks and understands."""

    def __init__(
        self, nodes: Nodes, lease: Lease, sessions: Sessions, local_limits: LocalLimits, counts: Counts
    ) -> None:
        self._nodes = nodes
        self._lease = lease
        self._sessions = sessions
        self._local_limits = local_limits
        self._counts = counts
        self._visitors = Visitors()
        self._tokens: list[bytes] = []

    async def answer(self, question: Question) -> Admission:
        """Return what is known after one trip, or without it; raises Overloaded."""
        self._counts.questions += 1
        if question.user_id is None or question.session_id is None:
            return await self._count(question)
        visitor = self._visitors.find(question.user_id, question.session_id)
        form = visitor.form(question.counters)
        try:
            call = self._ask(visitor, form, question)
            elsewhere = Tally(self._nodes, form.others) if form.others else None
            reply = await call.question_future
            verdicts = read_verdicts(form.own, reply, BEFORE_COUNTERS) if len(reply) > 1 else ()
            if elsewhere is not None:
                verdicts = await elsewhere.verdicts(verdicts)
        except Unreachable:
            return await self._without_redis(visitor, question)
        serves = self._lease.serves(self._nodes.identity) and call.epoch == self._nodes.line(visitor.slot).epoch
        if reply[0] == ENDED and serves:
            return Admission(principal=None)
        if reply[0] == ENDED:
            reply = UNKNOWN
        if refuses(verdicts):
            self._counts.refused += 1
            return Admission(principal=None, verdicts=verdicts)  # no query for whom nothing is done
        if not serves:
            return Admission(principal=await self._sessions.load(visitor, None), verdicts=verdicts)
        principal = self._sessions.recognize(visitor, reply[1]) if reply[0] == ALIVE else None
        if principal is None:
            principal = await self._sessions.load(visitor, _stamp_of_session(reply, call.epoch))
        return self._admission(question, principal, verdicts, reply, call.epoch)

    def _ask(self, visitor: Visitor, form: Form, question: Question) -> AdmitCall:
        call = AdmitCall(form, self._token(), question, asyncio.get_running_loop().create_future(), visitor.slot)
        self._nodes.line(visitor.slot).ask(call)
        return call

    async def _count(self, question: Question) -> Admission:
        """Answer a question about nobody in particular."""
        if not question.counters:
            return Admission(principal=None)
        try:
            return Admission(principal=None, verdicts=await Tally(self._nodes, question.counters).verdicts())
        except Unreachable:
            self._counts.fallbacks += 1
            return Admission(principal=None, verdicts=self._local_limits.count(question.counters), source=Source.LOCAL)

    def _admission(
        self,
        question: Question,
        principal: Principal | None,
        verdicts: tuple[Verdict, ...],
        reply: Any,
        epoch: bytes,
    ) -> Admission:
        counts, version, is_fresh, body = self._counts, reply[2], reply[3] == 1, reply[4]
        if question.field is not None:
            counts.held += is_fresh
            counts.bodies += body is not None
            counts.outdated += question.held is not None and not is_fresh
            counts.writes_seen += version is None
        return Admission(
            principal=principal,
            verdicts=verdicts,
            stamp=None if version is None else epoch + version,
            held_is_fresh=is_fresh,
            body=body,
        )

    async def _without_redis(self, visitor: Visitor, question: Question) -> Admission:
        """Let PostgreSQL say who it is, and count in this process."""
        self._counts.fallbacks += 1
        verdicts = self._local_limits.count(question.counters)
        principal = None if refuses(verdicts) else await self._sessions.load(visitor, None)
        return Admission(principal=principal, verdicts=verdicts, source=Source.LOCAL)

    def _token(self) -> bytes:
        """Return 96 random bits; asking the machine for many at once is cheaper."""
        if not self._tokens:
            many = os.urandom(12 * TOKENS_AT_ONCE)
            self._tokens = [many[at : at + 12] for at in range(0, len(many), 12)]
        return self._tokens.pop()


def _stamp_of_session(reply: Any, epoch: bytes) -> bytes | None:
    """Return what a copy that is made now is filed under; None if none may be made."""
    return epoch + reply[1] if reply[0] != ALIVE and reply[1] is not None else None
