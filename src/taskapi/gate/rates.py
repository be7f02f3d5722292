"""An allowance as the cell rate algorithm counts it; one place for Redis and for the local limiter."""

from taskapi.gate.admission import Allowance

MICROSECONDS = 1_000_000
"""In a second."""


def rate(allowance: Allowance) -> tuple[int, int]:
    """Return interval and burst in whole microseconds; what does not divide is rounded against the caller."""
    interval = -(-allowance.seconds * MICROSECONDS // allowance.requests)
    return interval, interval * allowance.requests


def seconds(microseconds: int) -> int:
    """Return how many whole seconds it takes until so many microseconds are over."""
    return -(-microseconds // MICROSECONDS)
