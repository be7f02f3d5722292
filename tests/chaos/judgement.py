"""Decides whether what a read showed can be right. Pure: it is fed with timelines and observations, made up or real.

It knows five things that can be wrong with a read. The reader's own memory, the newest version of each thing that it
has seen, is what makes reads monotonic.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from tests.chaos.timelines import ABSENT, Timeline, Version, Window


class Wrong(StrEnum):
    """What a read can be, other than right."""

    STALE = "older than an acknowledged write"
    OWN_WRITE = "older than the reader's own write"
    WENT_BACK = "older than what the reader has seen"
    LOST = "a state that there never was"
    STRANGER = "somebody else's data"


Shows = Callable[[Version], bool]
"""Whether a version would have been answered with what was seen."""


class Memory:
    """What one reader has seen: nothing older may be shown to them again."""

    def __init__(self) -> None:
        self._seen: dict[Timeline, int] = {}

    def of(self, timeline: Timeline) -> int:
        """Return the number of the newest version that they have certainly seen."""
        return self._seen.get(timeline, 0)

    def note(self, timeline: Timeline, number: int) -> None:
        """Note that they have seen this version, or a newer one."""
        if number > self.of(timeline):
            self._seen[timeline] = number


def judge(timeline: Timeline, window: Window, memory: Memory, shows: Shows, reader: str) -> Wrong | None:
    """Return what is wrong with a read of one thing; None, and it is remembered, if nothing is."""
    possible = [version.number for version in timeline.between(window) if shows(version)]
    if not possible:
        return _reason(timeline, window, shows, reader)
    known = memory.of(timeline)
    if possible[-1] < known:
        return Wrong.WENT_BACK
    memory.note(timeline, next(number for number in possible if number >= known))
    return None


def _reason(timeline: Timeline, window: Window, shows: Shows, reader: str) -> Wrong:
    if not any(shows(version) for version in timeline.versions[: window.first]):
        return Wrong.LOST
    return Wrong.OWN_WRITE if timeline.versions[window.first].writer == reader else Wrong.STALE


def shows_number(number: int, status: str | None = None, task_id: str | None = None) -> Shows:
    """Return the test for a body that was seen: its version, and what else it said."""

    def shows(version: Version) -> bool:
        return (
            version.number == number
            and status in (None, version.status)
            and (task_id is None or version.task_id in (None, task_id))
        )

    return shows


def shows_absence(task_id: str | None = None, statuses: Iterable[str] = ()) -> Shows:
    """Return the test for something that was not there.

    Asked for by `task_id`, it had another id by then or none; in a list of `statuses`, all of them if none is named,
    it had another status.
    """
    kept = frozenset(statuses)

    def shows(version: Version) -> bool:
        if version.status == ABSENT:
            return True
        if task_id is not None:
            return version.task_id != task_id
        return bool(kept) and version.status not in kept

    return shows


Counts = tuple[int, ...]
LAG = 3
"""So many versions back a wrong summary is compared, to tell one that lags from one that never was right."""


def judge_counts(
    windows: Mapping[Timeline, Window], memory: Memory, statuses: Sequence[str], counts: Counts, reader: str
) -> Wrong | None:
    """Return what is wrong with a summary: `counts` is how many things had which of `statuses`."""
    since_known = {
        timeline: Window(max(window.first, memory.of(timeline)), window.last) for timeline, window in windows.items()
    }
    if counts in _possible(since_known, statuses):
        return None
    if counts in _possible(windows, statuses):
        return Wrong.WENT_BACK
    before = {timeline: Window(max(0, window.first - LAG), window.last) for timeline, window in windows.items()}
    if counts not in _possible(before, statuses):
        return Wrong.LOST
    own = any(timeline.versions[window.first].writer == reader for timeline, window in windows.items())
    return Wrong.OWN_WRITE if own else Wrong.STALE


def _possible(windows: Mapping[Timeline, Window], statuses: Sequence[str]) -> set[Counts]:
    choices = [{version.status for version in timeline.between(window)} for timeline, window in windows.items()]
    return {tuple(combination.count(status) for status in statuses) for combination in itertools.product(*choices)}
