"""An allowance as the cell rate algorithm counts it; one place for Redis and for the local limiter."""

from taskapi.gate.admission import Allowance


def rate(allowance: Allowance) -> tuple[int, int]:
    """Return interval and burst in whole microseconds; what does not divide is rounded against the caller."""
    interval = -(-allowance.seconds * 1_000_000 // allowance.requests)
    return interval, interval * allowance.requests
