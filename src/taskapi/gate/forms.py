"""Questions as Redis reads them, with all that does not change from one to the next written beforehand.

Packing a question anew each time would cost more than everything else that a request does here.
"""

from collections.abc import Sequence

import hiredis

from taskapi.gate import keys, scripts
from taskapi.gate.admission import Counter
from taskapi.gate.calls import Part
from taskapi.gate.rates import rate

ARGUMENTS = 5
"""Before the rates: epoch, floor, stamp held, field, and whether a body is asked for."""


class Form:
    """The question of one session against the same counters."""

    __slots__ = ("_end", "_limits", "_start", "_start_with_body", "counters", "others", "own")

    def __init__(self, subject: str, names: tuple[bytes, bytes], counters: Sequence[Counter]) -> None:
        self.counters = counters
        self.own = tuple(counter for counter in counters if counter.subject == subject)
        """Those that are asked for with this form."""
        self.others = tuple(counter for counter in counters if counter.subject != subject)
        """Those that lie elsewhere."""
        rates = [part for counter in self.own for part in rate(counter.allowance)]
        self._start = _start(names, 2 + len(self.own), len(rates))
        self._start_with_body = _start(names, 3 + len(self.own), len(rates))
        self._limits = _packed([keys.limit(counter.subject, counter.allowance.name) for counter in self.own])
        self._end = _packed(rates)

    def write(self, epoch: bytes, floor: bytes, held: bytes | None, field: bytes, body_key: bytes | None) -> bytes:
        """Return the filled-in form; epoch and floor have 12 bytes."""
        held = held or b""
        if body_key is None:
            opening, asked = self._start, b"0"
        else:
            opening, asked = b"%b$%d\r\n%b\r\n" % (self._start_with_body, len(body_key), body_key), b"1"
        return b"%b%b$12\r\n%b\r\n$12\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$1\r\n%b\r\n%b" % (
            opening,
            self._limits,
            epoch,
            floor,
            len(held),
            held,
            len(field),
            field,
            asked,
            self._end,
        )


def _start(names: tuple[bytes, bytes], key_count: int, rate_count: int) -> bytes:
    parts = (b"EVALSHA", scripts.ADMIT.digest, key_count, *names)
    total = 3 + key_count + ARGUMENTS + rate_count
    return b"*%d\r\n" % total + _packed(parts)


def _packed(parts: Sequence[Part]) -> bytes:
    """Return parts of a command, without its head."""
    whole: bytes = hiredis.pack_command(tuple(parts))  # type: ignore[arg-type]  # its stub knows tuples of one part
    return whole.partition(b"\r\n")[2]
