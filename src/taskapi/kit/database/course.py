"""The course of the primary as this process sees it: which cluster it is, and when it was how far.

How many seconds a replica is behind is told by the age of the oldest place that it has not replayed. So no two clocks
are compared, and a primary that nobody writes to makes no replica look late.
"""

from bisect import bisect_right
from typing import NamedTuple

MOST_MOMENTS = 2_400
"""Ten minutes and more; a replica that is further behind is at least that late."""


class Whereabouts(NamedTuple):
    """What a server says of itself."""

    cluster: int
    timeline: int
    place: int
    """In the log: of a primary, what it has flushed; of a replica, what it has replayed."""


class Course:
    """Remembers places and when they were seen first."""

    def __init__(self) -> None:
        self._last: Whereabouts | None = None
        self._places: list[int] = []
        self._moments: list[float] = []

    @property
    def last(self) -> Whereabouts | None:
        """Where the primary was when it answered last; None if it never did."""
        return self._last

    def take(self, seen: Whereabouts, moment: float) -> None:
        """Note where the primary is."""
        if self._last is None or self._last[:2] != seen[:2]:
            self._places, self._moments = [], []
        if not self._places or seen.place > self._places[-1]:
            self._places.append(seen.place)
            self._moments.append(moment)
            if len(self._places) > MOST_MOMENTS:
                del self._places[0], self._moments[0]
        self._last = seen

    def bytes_behind(self, place: int) -> int:
        """Return how much a replica at `place` has still to replay."""
        return 0 if self._last is None else max(0, self._last.place - place)

    def seconds_behind(self, place: int, now: float) -> float:
        """Return for how long a replica at `place` has not had something that the primary had."""
        missing = bisect_right(self._places, place)
        return now - self._moments[missing] if missing < len(self._places) else 0.0
