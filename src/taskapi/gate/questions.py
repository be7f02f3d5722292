"""Turns a question into the commands of one trip, and their answers into an admission."""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from msgspec import structs

from taskapi.contracts.identity import Principal
from taskapi.gate.admission import Admission, Counter, Question, Source, Verdict
from taskapi.gate.calls import Unreachable
from taskapi.gate.counts import Counts
from taskapi.gate.forms import AdmitCall, Form
from taskapi.gate.lease import Lease
from taskapi.gate.local_limits import LocalLimits
from taskapi.gate.nodes import Nodes
from taskapi.gate.sessions import Sessions
from taskapi.gate.tally import Tally, read_verdicts, refuses
from taskapi.gate.visitors import Visitors
from taskapi.kit.database.position import UNKNOWN as UNKNOWN_POSITION

ALIVE, ENDED = 1, 2
BEFORE_COUNTERS = 5
NUMBERS_OF_COUNTER = 3
UNKNOWN = [0, None, None, 0, None]
"""What an answer says that may not be believed."""

TOKENS_AT_ONCE = 256

Over = Callable[[UUID, str], Awaitable[bool]]
"""Waits a moment for the writes of a user's field that are under way in this process, and says whether they ended."""


class Questions:
    """Asks and understands."""

    def __init__(
        self,
        nodes: Nodes,
        lease: Lease,
        sessions: Sessions,
        local_limits: LocalLimits,
        over: Over,
        counts: Counts,
        *,
        has_replicas: bool = False,
    ) -> None:
        self._has_replicas = has_replicas
        self._nodes = nodes
        self._lease = lease
        self._sessions = sessions
        self._local_limits = local_limits
        self._over = over
        self._counts = counts
        self._visitors = Visitors()
        self._tokens: list[bytes] = []

    def form(self, question: Question) -> Form:
        """Return what the question is asked with, as often as one likes."""
        visitor = self._visitors.find(question.user_id, question.session_id)
        return Form(question, visitor, has_replicas=self._has_replicas)

    async def answer(self, form: Form, held: bytes | None) -> Admission:
        """Return what is known after one trip, or without it; raises Overloaded.

        A read that meets a write of its own process waits a moment for its end, which takes a second trip.
        """
        self._counts.questions += not form.is_second
        visitor = form.visitor
        try:
            line = self._nodes.line(visitor.slot)
            call = AdmitCall(form, self._token(), held, line.make_future())
            line.ask(call)
            elsewhere = Tally(self._nodes, form.others) if form.others else None
            reply = await call.answered
            verdicts = read_verdicts(form.own, reply, BEFORE_COUNTERS) if len(reply) > BEFORE_COUNTERS else ()
            if elsewhere is not None:
                verdicts = await elsewhere.verdicts(verdicts)
        except Unreachable:
            return await self._without_redis(form)
        serves = self._lease.serves(self._nodes.identity) and call.epoch == self._nodes.line(visitor.slot).epoch
        if reply[0] == ENDED and serves:
            return Admission(None)
        if reply[0] == ENDED:
            reply = UNKNOWN
        if verdicts and refuses(verdicts):
            self._counts.note_refusal(verdicts)
            return Admission(None, verdicts)  # no query for whom nothing is done
        if not serves:
            return Admission(await self._sessions.load(visitor, None), verdicts)
        principal = self._sessions.recognize(visitor, reply[1]) if reply[0] == ALIVE else None
        if principal is None:
            principal = await self._sessions.load(visitor, _stamp_of_session(reply, call.epoch))
        if form.question.field is None:
            return Admission(principal, verdicts)
        if reply[2] is None and principal is not None and await self._is_over(form):
            return await self._asked_again(form, held, verdicts)
        admission = self._admission(principal, verdicts, reply, call.epoch, held)
        return _with_position(admission, form, reply) if self._has_replicas else admission

    async def count(self, counters: Sequence[Counter]) -> Admission:
        """Count a request of nobody in particular; raises Overloaded."""
        self._counts.questions += 1
        try:
            verdicts, source = await Tally(self._nodes, counters).verdicts(), Source.REDIS
        except Unreachable:
            self._counts.fallbacks += 1
            verdicts, source = self._local_limits.count(counters), Source.LOCAL
        if refuses(verdicts):
            self._counts.note_refusal(verdicts)
        return Admission(None, verdicts, source=source)

    def _admission(
        self, principal: Principal | None, verdicts: tuple[Verdict, ...], reply: Any, epoch: bytes, held: bytes | None
    ) -> Admission:
        counts, version, body = self._counts, reply[2], reply[4]
        if reply[3] == 1:  # nearly always
            counts.held += 1
            return Admission(principal, verdicts, held, held_is_fresh=True)
        counts.bodies += body is not None
        counts.outdated += held is not None
        counts.writes_seen += version is None
        return Admission(principal, verdicts, None if version is None else epoch + version, body=body)

    async def _is_over(self, form: Form) -> bool:
        """Wait for what was under way here when a question was asked first; say whether it has ended."""
        question = form.question
        return not form.is_second and question.field is not None and await self._over(question.user_id, question.field)

    async def _asked_again(self, form: Form, held: bytes | None, verdicts: tuple[Verdict, ...]) -> Admission:
        """Ask once more, without being counted: a trip costs less than a load that nobody shares."""
        uncounted = structs.replace(form.question, counters=())
        second = Form(uncounted, form.visitor, has_replicas=self._has_replicas, is_second=True)
        return structs.replace(await self.answer(second, held), verdicts=verdicts)

    async def _without_redis(self, form: Form) -> Admission:
        """Let PostgreSQL say who it is, and count in this process."""
        self._counts.fallbacks += 1
        verdicts = self._local_limits.count(form.question.counters)
        if refuses(verdicts):
            self._counts.note_refusal(verdicts)
            return Admission(None, verdicts, source=Source.LOCAL)
        return Admission(await self._sessions.load(form.visitor, None), verdicts, source=Source.LOCAL)

    def _token(self) -> bytes:
        """Return 96 random bits; asking the machine for many at once is cheaper."""
        if not self._tokens:
            many = os.urandom(12 * TOKENS_AT_ONCE)
            self._tokens = [many[at : at + 12] for at in range(0, len(many), 12)]
        return self._tokens.pop()


def _with_position(admission: Admission, form: Form, reply: Any) -> Admission:
    """Add from where on a replica may load what has to be loaded: it comes last, after the counters, if at all."""
    if admission.held_is_fresh or admission.body is not None:
        return admission
    is_there = len(reply) > BEFORE_COUNTERS + len(form.own) * NUMBERS_OF_COUNTER
    return structs.replace(admission, position=reply[-1] if is_there else UNKNOWN_POSITION)


def _stamp_of_session(reply: Any, epoch: bytes) -> bytes | None:
    """Return what a copy that is made now is filed under; None if none may be made."""
    return epoch + reply[1] if reply[0] != ALIVE and reply[1] is not None else None
