"""Questions as Redis reads them, with all that does not change from one request to the next written beforehand.

Packing a question anew each time would cost more than everything else that a request does here.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis

from taskapi.gate import keys, scripts
from taskapi.gate.admission import Question
from taskapi.gate.calls import Call, Part
from taskapi.gate.rates import rate
from taskapi.gate.visitors import Visitor

ARGUMENTS = 5
"""Before the rates: epoch, floor, stamp held, field, and whether a body is asked for."""

BETWEEN = b"\r\n$12\r\n"
NOTHING_HELD = b"\r\n$0\r\n\r\n"
HELD, END = b"\r\n$24\r\n", b"\r\n"


class Form:
    """A question that is ready to be asked, any number of times."""

    __slots__ = ("_head", "_tail", "is_second", "others", "own", "question", "visitor")

    def __init__(
        self, question: Question, visitor: Visitor, *, has_replicas: bool = False, is_second: bool = False
    ) -> None:
        """`is_second`: the same request asked before."""
        self.question = question
        self.is_second = is_second
        self.visitor = visitor
        subject = str(visitor.user_id)
        self.own = tuple(counter for counter in question.counters if counter.subject == subject)
        """The counters that are asked for with this form."""
        self.others = tuple(counter for counter in question.counters if counter.subject != subject)
        """Those that lie elsewhere."""
        limits = [keys.limit(counter.subject, counter.allowance.name) for counter in self.own]
        rates = [part for counter in self.own for part in rate(counter.allowance)]
        bodies = [] if question.body_key is None else [question.body_key.encode()]
        names = [*visitor.keys, *bodies, *limits]
        opening = _packed([b"EVALSHA", scripts.ADMIT.digest, len(names), *names])
        self._head = b"*%d\r\n%b$12\r\n" % (3 + len(names) + ARGUMENTS + len(rates), opening)
        body = b"0" if not bodies else b"2" if has_replicas else b"1"
        self._tail = _packed([(question.field or "").encode(), body, *rates])

    def write(self, epoch: bytes, floor: bytes, held: bytes | None) -> bytes:
        """Return the filled-in form; epoch and floor have 12 bytes, the stamp of what is held has both."""
        if held is None:
            return b"".join((self._head, epoch, BETWEEN, floor, NOTHING_HELD, self._tail))
        return b"".join((self._head, epoch, BETWEEN, floor, HELD, held, END, self._tail))


class AdmitCall(Call):
    """A question on its way; it names the epoch of the server that it reaches."""

    __slots__ = ("_floor", "_form", "_held", "answered")

    def __init__(self, form: Form, floor: bytes, held: bytes | None, answered: "asyncio.Future[Any]") -> None:
        super().__init__((), answered, form.visitor.slot)
        self.answered = answered
        self._form = form
        self._floor = floor
        self._held = held

    def packed(self, epoch: bytes) -> bytes:
        """Return what goes to a server of this epoch."""
        self.epoch = epoch
        return self._form.write(epoch, self._floor, self._held)


def _packed(parts: Sequence[Part]) -> bytes:
    """Return parts of a command, without its head."""
    whole: bytes = hiredis.pack_command(tuple(parts))  # type: ignore[arg-type]  # its stub knows tuples of one part
    return whole.partition(b"\r\n")[2]
