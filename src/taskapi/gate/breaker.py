"""A circuit breaker: after a few failures in a row nobody waits for Redis, until one task has found it again."""

FAILURES = 3
"""In a row, before it opens."""


class Breaker:
    """Counts failures. Closed: calls may go; open: they may not, and one probe at a time looks whether that is over."""

    def __init__(self) -> None:
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused at once."""
        return self._failures >= FAILURES

    def failed(self) -> None:
        """Count a failure."""
        self._failures += 1

    def succeeded(self) -> None:
        """Close it again."""
        self._failures = 0
