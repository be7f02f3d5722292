"""Writes what was measured as Prometheus wants to read it: as text, as OpenMetrics, or with native histograms."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as Shown

from taskapi.kit.metrics import native
from taskapi.kit.metrics.families import Exemplar, Family, Histogram, Kind, Snapshot
from taskapi.kit.metrics.instruments import BOUNDS, FIRST_POWER, SCHEMA

CLASSIC_POWERS = range(-14, 5)
"""The classic buckets end at these powers of two seconds: from 61 microseconds to 16 seconds."""

CLASSIC = tuple((power - FIRST_POWER) << SCHEMA for power in CLASSIC_POWERS)
"""Their numbers among BOUNDS."""


def expose(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """Return the snapshot and its media type, in the best form of those that a scraper accepts."""
    if native.MEDIA_TYPE in accept:
        return native.encoded(snapshot, CLASSIC), native.CONTENT_TYPE
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))
    return encode(registry), content_type


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for family in self._snapshot:
            yield _histograms(family) if family.kind is Kind.HISTOGRAM else _values(family)


def _values(family: Family) -> Metric:
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    shown: CounterMetricFamily | GaugeMetricFamily = kind(family.name, family.meaning, labels=family.labels)
    for labels, value in sorted(family.values.items()):
        shown.add_metric(labels, value)
    return shown


def _histograms(family: Family) -> Metric:
    shown = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
    for labels, histogram in sorted(family.histograms.items()):
        shown.add_metric(labels, buckets=list(_buckets(histogram)), sum_value=histogram.total)
    return shown


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float] | tuple[str, float, Shown]]:
    for end, count, exemplar in native.cumulative(histogram, CLASSIC):
        yield (_bound(end), count) if exemplar is None else (_bound(end), count, _shown(exemplar))


def _bound(end: int | None) -> str:
    return "+Inf" if end is None else repr(BOUNDS[end])


def _shown(exemplar: Exemplar) -> Shown:
    return Shown({"trace_id": exemplar.trace_id}, exemplar.value, exemplar.moment)
