"""The limiter of this process alone, for as long as Redis is away: the same algorithm, its share of the allowance."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from taskapi.gate.admission import Allowance, Counter, Verdict
from taskapi.gate.rates import rate

MOST_COUNTERS = 10_000
"""The one that was used longest ago is forgotten first."""


class LocalLimits:
    """Generic cell rate algorithm over a bounded table."""

    def __init__(self, processes: int, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._processes = processes
        self._now = now
        self._arrivals: OrderedDict[tuple[str, str], int] = OrderedDict()

    def count(self, counters: Sequence[Counter]) -> tuple[Verdict, ...]:
        """Count a request, if every counter has room."""
        now = self._now() // 1000
        verdicts = tuple(self._look(counter, now) for counter in counters)
        if any(verdict.wait > 0 for verdict in verdicts):
            return verdicts
        return tuple(self._take(counter, now) for counter in counters)

    def _look(self, counter: Counter, now: int) -> Verdict:
        interval, burst = rate(self._share(counter.allowance))
        ahead = self._ahead(counter, now, burst)
        wait = max(0, ahead + interval - burst)
        return Verdict(counter, (burst - ahead) // interval, ahead, wait)

    def _take(self, counter: Counter, now: int) -> Verdict:
        interval, burst = rate(self._share(counter.allowance))
        ahead = self._ahead(counter, now, burst) + interval
        key = (counter.subject, counter.allowance.name)
        self._arrivals[key] = now + ahead
        self._arrivals.move_to_end(key)
        if len(self._arrivals) > MOST_COUNTERS:
            self._arrivals.popitem(last=False)
        return Verdict(counter, (burst - ahead) // interval, ahead, 0)

    def _ahead(self, counter: Counter, now: int, burst: int) -> int:
        arrival = self._arrivals.get((counter.subject, counter.allowance.name), now)
        return min(max(arrival - now, 0), burst)

    def _share(self, allowance: Allowance) -> Allowance:
        requests = max(1, allowance.requests // self._processes)
        return Allowance(allowance.name, requests, allowance.seconds)
