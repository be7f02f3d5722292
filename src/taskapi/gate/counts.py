"""What the gate did in this process, for metrics, benchmarks and tests: plain numbers that only grow."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from taskapi.gate.admission import Verdict

LIMITS = ("user", "batch", "admin", "login", "register")
"""The names of all allowances."""


@dataclass(slots=True)
class Counts:
    """Since the process began."""

    trips: int = 0
    """Batches that went to Redis."""

    commands: int = 0
    """In all batches; divided by `trips`: the size of a batch."""

    questions: int = 0
    """Requests that were admitted or refused."""

    fallbacks: int = 0
    """Of these, without Redis."""

    bodies: int = 0
    """Fresh answers that Redis sent."""

    held: int = 0
    """Answers of this process that were confirmed fresh."""

    outdated: int = 0
    """Held answers that were not fresh any more."""

    writes_seen: int = 0
    """Questions that found a write of their field under way, also after they waited for one of their own process."""

    refused: int = 0
    """By the limiter."""

    refused_by: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LIMITS, 0))
    """The same by the limit that had no room."""

    sessions_loaded: int = 0
    """From PostgreSQL, because Redis held no fresh copy."""

    unconfirmed_writes: int = 0
    """Whose beginning or end Redis did not confirm."""

    announced: int = 0
    """Rows of the outbox that a relay had to announce."""

    def note_refusal(self, verdicts: Sequence[Verdict]) -> None:
        """Count a request that a limit refused."""
        self.refused += 1
        for verdict in verdicts:
            if verdict.wait > 0:
                name = verdict.counter.allowance.name
                self.refused_by[name] = self.refused_by.get(name, 0) + 1
