"""Instruments that code adds to while it works: an update is a look into a dictionary and an addition.

Nothing is locked: each belongs to the event loop of its process. Durations go into exponential buckets, eight to each
doubling: those of a Prometheus native histogram (schema 3), of which the classic ones are every eighth.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping

from msgspec import structs

from taskapi.kit.metrics.families import Exemplar, Family, Histogram, Kind, Labels, Snapshot

SCHEMA = 3
"""Of the native histogram: 2 ** SCHEMA buckets to each doubling."""

FIRST_POWER, LAST_POWER = -16, 6
"""Powers of two seconds: from 15 microseconds to a minute."""

BOUNDS: tuple[float, ...] = tuple(
    2 ** (index / 2**SCHEMA) for index in range(FIRST_POWER << SCHEMA, (LAST_POWER << SCHEMA) + 1)
)
"""Upper ends of the buckets, in seconds; one more bucket holds what is beyond the last."""

MOST_SERIES = 2_000
OTHER = "other"
"""What the labels say of whatever has no series left."""


class Counter:
    """Counts, for each combination of labels."""

    def __init__(self, name: str, meaning: str, labels: Labels = (), known: Iterable[Labels] = ()) -> None:
        """Those of `known` are there from the start, at zero."""
        self.head = Family(name, meaning, labels, Kind.COUNTER)
        self._values = dict.fromkeys(known if labels else [()], 0)

    def add(self, labels: Labels = (), amount: int = 1) -> None:
        """Count."""
        try:
            self._values[labels] += amount
        except KeyError:
            labels = _bounded(labels, self._values)
            self._values[labels] = self._values.get(labels, 0) + amount

    def family(self) -> Family:
        """Return what was counted."""
        return structs.replace(self.head, values=dict(self._values))


class Distribution:
    """Takes durations in seconds, for each combination of labels."""

    def __init__(self, name: str, meaning: str, labels: Labels = ()) -> None:
        """Without labels it is there from the start; with them, those of `expect` are."""
        self.head = Family(name, meaning, labels, Kind.HISTOGRAM)
        self._series: dict[Labels, Series] = {} if labels else {(): Series()}

    def series(self, labels: Labels) -> "Series":
        """Return what takes the durations of these labels, shown from now on, also before there is one."""
        found = self._series.get(labels)
        return self._series.setdefault(_bounded(labels, self._series), Series()) if found is None else found

    def add(self, seconds: float, labels: Labels = ()) -> None:
        """Take one duration."""
        self.series(labels).add(seconds)

    def mark(self, seconds: float, labels: Labels, exemplar: Exemplar) -> None:
        """Have a trace stand for a duration that was taken."""
        if (series := self._series.get(labels)) is not None:
            series.exemplars[bisect_left(BOUNDS, seconds)] = exemplar

    def family(self) -> Family:
        """Return what was taken."""
        histograms = {labels: series.histogram() for labels, series in self._series.items()}
        return structs.replace(self.head, histograms=histograms)


class Series:
    """The durations under one combination of labels."""

    __slots__ = ("counts", "exemplars", "total")

    def __init__(self) -> None:
        self.total = 0.0
        self.counts = [0] * (len(BOUNDS) + 1)
        self.exemplars: dict[int, Exemplar] = {}

    def add(self, seconds: float) -> None:
        """Take one."""
        self.total += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1

    def histogram(self) -> Histogram:
        """Return all that were taken."""
        counts = {bucket: count for bucket, count in enumerate(self.counts) if count}
        return Histogram(self.total, counts, dict(self.exemplars))


class Reading:
    """What is known elsewhere and looked up when somebody asks, so that it costs nothing until then."""

    def __init__(
        self,
        name: str,
        meaning: str,
        read: Callable[[], float | Mapping[Labels, float]],
        labels: Labels = (),
        kind: Kind = Kind.SUM,
    ) -> None:
        """`read` returns one value where there are no `labels`, else those of all."""
        self.head = Family(name, meaning, labels, kind)
        self._read = read

    def family(self) -> Family:
        """Look."""
        found = self._read()
        return structs.replace(self.head, values={(): found} if isinstance(found, int | float) else dict(found))


Instrument = Counter | Distribution | Reading
"""Anything that shows one family."""


class Instruments:
    """All instruments of a process."""

    def __init__(self) -> None:
        self._all: dict[str, Instrument] = {}

    def add(self, *instruments: Instrument) -> None:
        """Show these too; raises ValueError if there is one of that name."""
        for instrument in instruments:
            if instrument.head.name in self._all:
                raise ValueError(f"two metrics are called {instrument.head.name}")
            self._all[instrument.head.name] = instrument

    @property
    def heads(self) -> list[Family]:
        """What there is, without values."""
        return [instrument.head for instrument in self._all.values()]

    def snapshot(self) -> Snapshot:
        """Return what all show now."""
        return [instrument.family() for instrument in self._all.values()]


def _bounded(labels: Labels, series: Mapping[Labels, object]) -> Labels:
    return labels if labels in series or len(series) < MOST_SERIES else (OTHER,) * len(labels)
