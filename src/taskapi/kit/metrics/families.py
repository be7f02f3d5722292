"""What was measured, as it goes from one process to another: families of values, each under its labels."""

from collections.abc import Iterable, Mapping
from enum import Enum

import msgspec

Labels = tuple[str, ...]


class Kind(Enum):
    """What a metric is, and what several processes' values are together."""

    COUNTER = "counter"
    """Only grows; their sum, in which a process that ended goes on counting."""

    HISTOGRAM = "histogram"
    """The same for how long something took."""

    SUM = "sum"
    """How things stand; their sum, as in what follows the greatest or the least."""

    MOST = "most"
    LEAST = "least"


class Exemplar(msgspec.Struct, frozen=True, array_like=True):
    """A request that stands for others in its bucket."""

    trace_id: str
    value: float
    moment: float
    """Seconds since 1970."""


class Histogram(msgspec.Struct, array_like=True):
    """How often something took how long."""

    total: float = 0.0
    """Sum of all values, in the unit of the family."""

    counts: dict[int, int] = {}
    """By number of the bucket, empty ones left out; see `instruments.BOUNDS`."""

    exemplars: dict[int, Exemplar] = {}
    """The latest one of each bucket."""

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts.values())


class Family(msgspec.Struct, array_like=True):
    """All values of one metric."""

    name: str
    meaning: str
    labels: Labels
    """The labels' names."""

    kind: Kind
    values: dict[Labels, float] = {}
    histograms: dict[Labels, Histogram] = {}
    """Those of a histogram, which has no `values`."""


Snapshot = list[Family]


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return what several processes measured together."""
    found: dict[str, Family] = {}
    for snapshot in snapshots:
        for family in snapshot:
            if (known := found.get(family.name)) is None:
                known = found[family.name] = msgspec.structs.replace(family, values={}, histograms={})
            _add_values(known, family.values)
            _add_histograms(known.histograms, family.histograms)
    return list(found.values())


def what_lasts(snapshot: Snapshot) -> Snapshot:
    """Return of an ended process' measurements those that still count."""
    return [family for family in snapshot if family.kind in (Kind.COUNTER, Kind.HISTOGRAM)]


def _add_values(known: Family, values: Mapping[Labels, float]) -> None:
    for labels, value in values.items():
        before = known.values.get(labels)
        if before is None:
            known.values[labels] = value
        elif known.kind is Kind.MOST:
            known.values[labels] = max(before, value)
        elif known.kind is Kind.LEAST:
            known.values[labels] = min(before, value)
        else:
            known.values[labels] = before + value


def _add_histograms(known: dict[Labels, Histogram], histograms: Mapping[Labels, Histogram]) -> None:
    for labels, histogram in histograms.items():
        into = known.setdefault(labels, Histogram(0.0, {}, {}))
        into.total += histogram.total
        for bucket, count in histogram.counts.items():
            into.counts[bucket] = into.counts.get(bucket, 0) + count
        for bucket, exemplar in histogram.exemplars.items():
            if bucket not in into.exemplars or into.exemplars[bucket].moment < exemplar.moment:
                into.exemplars[bucket] = exemplar
