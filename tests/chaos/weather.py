"""Which faults are on, and since when: what excuses a refusal, and what a finding has to be understood with."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

GRACE_SECONDS = 6.0
"""After a fault: longer than a statement or the wait for a connection may take."""

DATABASE = "database"
REDIS = "redis"


def server(number: int) -> str:
    """Return the name under which a fault of one server process is noted."""
    return f"server {number}"


class Spell(msgspec.Struct):
    """One fault, from its beginning until what it broke works again."""

    name: str
    touches: frozenset[str]
    began: float
    ended: float = float("inf")


class Counted(msgspec.Struct):
    """What happened during all faults of one name, their grace included."""

    times: int = 0
    seconds: float = 0.0
    reads: int = 0
    wrong: int = 0
    unavailable: int = 0
    unanswered: int = 0


class Weather:
    """The faults of one run."""

    def __init__(self) -> None:
        self._spells: list[Spell] = []
        self.counted: dict[str, Counted] = {}

    @contextmanager
    def spell(self, name: str, *touches: str) -> Iterator[None]:
        """Note a fault for as long as the block takes."""
        spell = Spell(name, frozenset(touches), time.monotonic())
        self._spells = [*self._recent(spell.began), spell]
        counted = self.counted.setdefault(name, Counted())
        counted.times += 1
        try:
            yield
        finally:
            spell.ended = time.monotonic()
            counted.seconds += spell.ended - spell.began

    def on(self, since: float) -> list[str]:
        """Return the names of the faults that a request sent at `since` may have felt, among those not long over."""
        return [spell.name for spell in self._spells if spell.ended + GRACE_SECONDS > since]

    def excuses(self, since: float, *touched: str) -> bool:
        """Whether one of these was broken, or just mended, when a request was sent at `since`."""
        return any(
            spell.ended + GRACE_SECONDS > since and any(name.startswith(touched) for name in spell.touches)
            for spell in self._spells
        )

    def count(self, since: float) -> Iterator[Counted]:
        """Yield the counts to which something belongs that was sent at `since`."""
        for spell in self._spells:
            if spell.ended + GRACE_SECONDS > since:
                yield self.counted[spell.name]

    def _recent(self, now: float) -> list[Spell]:
        return [spell for spell in self._spells if spell.ended + 10 * GRACE_SECONDS > now]
