"""Answers in this process's own memory: bounded in bytes, the least recently used go first.

Whether one is still right is not known here: its stamp has to be asked about before it is sent.
"""

from collections import OrderedDict
from time import monotonic

from taskapi.gate.answers import Prepared

OVERHEAD = 1_500
"""Bytes that one answer takes besides its body: its key, its headers, and what the allocator and the table add."""

LARGEST_SHARE = 8
"""No answer takes more than this part of the memory: one eighth."""


class Memory:
    """At most so many bytes of answers."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._used = 0
        self._answers: OrderedDict[str, Prepared] = OrderedDict()

    @property
    def capacity(self) -> int:
        """Bytes that may be taken."""
        return self._largest

    @property
    def used(self) -> int:
        """Bytes that are taken, as far as they can be known."""
        return self._used

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, key: str) -> Prepared | None:
        """Return the answer that is kept under `key`, unless its time is over."""
        found = self._answers.get(key)
        if found is None:
            return None
        if found.deadline <= monotonic():
            self.drop(key)
            return None
        self._answers.move_to_end(key)
        return found

    def keep(self, key: str, prepared: Prepared) -> None:
        """Keep an answer, and let go of those that were not used for longest if it needs their place."""
        self.drop(key)
        size = _size(prepared)
        if size > self._largest // LARGEST_SHARE:
            return
        self._answers[key] = prepared
        self._used += size
        while self._used > self._largest:
            _, oldest = self._answers.popitem(last=False)
            self._used -= _size(oldest)

    def drop(self, key: str) -> None:
        """Let go of an answer."""
        found = self._answers.pop(key, None)
        if found is not None:
            self._used -= _size(found)


def _size(prepared: Prepared) -> int:
    return OVERHEAD + len(prepared.answer.body) + len(prepared.answer.rest or b"")
