"""What was checked and what was found, counted; each finding also goes to a journal, with all that explains it."""

import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from tests.chaos.judgement import Wrong
from tests.chaos.weather import Weather

WRITTEN_OUT = 300
"""Findings of one kind that go to the journal; all are counted."""


class Fault(StrEnum):
    """What an answer can be, other than what was asked for; none of these is excused."""

    LOGGED_OUT = "401 although the session was not ended"
    REVIVED = "an ended session was accepted"
    SERVER_ERROR = "500 or more, other than 503"
    NO_RETRY_AFTER = "503 without Retry-After"
    BUSY = "503 although nothing was broken that excuses it"
    SILENCE = "no answer although nothing was broken that excuses it"
    UNEXPECTED = "another status than those that are right"
    NOT_KEPT = "the database does not hold what was acknowledged last"


class Ledger:
    """The counts of one run, and its journal."""

    def __init__(self, weather: Weather, journal: Path) -> None:
        self.weather = weather
        self.journal = journal
        self.checked: Counter[str] = Counter()
        """Reads that were checked, by kind."""
        self.wrong: Counter[Wrong] = Counter()
        self.faults: Counter[Fault] = Counter()
        self.excused: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        """Reads by what the header X-Cache says."""
        self.writes = 0
        self.refusals = 0
        """Requests with ended sessions that were refused, as they should be."""
        self._began = time.monotonic()
        self._file = journal.open("wb")
        self._written: Counter[str] = Counter()

    @property
    def reads(self) -> int:
        """How many reads were checked."""
        return self.checked.total()

    @property
    def violations(self) -> int:
        """How many reads were wrong, and how many things were not kept or came back."""
        return self.wrong.total() + self.faults[Fault.NOT_KEPT] + self.faults[Fault.REVIVED]

    @property
    def log_outs(self) -> int:
        """How many people were logged out."""
        return self.faults[Fault.LOGGED_OUT]

    @property
    def wrong_answers(self) -> int:
        """How many answers were failures that nothing excuses."""
        return self.faults.total() - self.faults[Fault.NOT_KEPT] - self.faults[Fault.REVIVED] - self.log_outs

    @property
    def is_clean(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.violations or self.log_outs or self.wrong_answers)

    def note_read(self, kind: str, since: float, cached: str | None) -> None:
        """Count a read that is being checked."""
        self.checked[kind] += 1
        self.answers[cached or "no header"] += 1
        for counted in self.weather.count(since):
            counted.reads += 1

    def note_wrong(self, wrong: Wrong, since: float, **about: Any) -> None:
        """Count and write down a read that was wrong."""
        self.wrong[wrong] += 1
        for counted in self.weather.count(since):
            counted.wrong += 1
        self._write(wrong.value, since, about)

    def note_fault(self, fault: Fault, since: float, **about: Any) -> None:
        """Count and write down an answer that was wrong."""
        self.faults[fault] += 1
        for counted in self.weather.count(since):
            counted.wrong += 1
        self._write(fault.value, since, about)

    def note_unavailable(self, since: float) -> None:
        """Count an excused 503."""
        self.excused["503 with Retry-After"] += 1
        for counted in self.weather.count(since):
            counted.unavailable += 1

    def note_unanswered(self, since: float) -> None:
        """Count an excused silence."""
        self.excused["no answer"] += 1
        for counted in self.weather.count(since):
            counted.unanswered += 1

    def note_event(self, event: str, **about: Any) -> None:
        """Write something into the journal that is no finding, such as the beginning of a fault."""
        self._file.write(msgspec.json.encode({"at": self._now(), "event": event, **about}) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the journal."""
        self._file.close()

    def _write(self, finding: str, since: float, about: dict[str, Any]) -> None:
        self._written[finding] += 1
        if self._written[finding] <= WRITTEN_OUT:
            sent = round(since - self._began, 4)
            self.note_event("finding", finding=finding, sent=sent, faults=self.weather.on(since), **about)

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 4)
