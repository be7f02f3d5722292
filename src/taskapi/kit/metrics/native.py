"""The protocol buffers of Prometheus, the only form that has native histograms (client_model's metrics.proto).

prometheus-client does not write it. A message is a row of fields, each a number, a wire type and a value.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from taskapi.kit.metrics.families import Exemplar, Family, Histogram, Kind, Labels, Snapshot
from taskapi.kit.metrics.instruments import BOUNDS, FIRST_POWER, SCHEMA

MEDIA_TYPE = "application/vnd.google.protobuf"
CONTENT_TYPE = f"{MEDIA_TYPE}; proto=io.prometheus.client.MetricFamily; encoding=delimited"

COUNTER, GAUGE, HISTOGRAM = 0, 1, 4
VARINT, FIXED, LENGTH = 0, 1, 2
NANOSECONDS = 1_000_000_000
OFFSET = FIRST_POWER << SCHEMA
"""Number of the native bucket that ends where ours of number zero does."""


def encoded(snapshot: Snapshot, classic: Sequence[int]) -> bytes:
    """Return all families, each behind its length; histograms have the `classic` buckets too."""
    return b"".join(_delimited(_family(family, classic)) for family in snapshot)


def cumulative(histogram: Histogram, ends: Sequence[int]) -> Iterator[tuple[int | None, int, Exemplar | None]]:
    """Yield for each of these buckets, and a last one without an end, how many values lie before its end."""
    waiting = sorted(histogram.counts.items())
    before, position = 0, 0
    for end, begin in zip((*ends, None), (-1, *ends), strict=True):
        while position < len(waiting) and (end is None or waiting[position][0] <= end):
            before += waiting[position][1]
            position += 1
        yield end, before, _latest(histogram.exemplars, begin, end)


def _latest(exemplars: Mapping[int, Exemplar], begin: int, end: int | None) -> Exemplar | None:
    inside = [found for bucket, found in exemplars.items() if begin < bucket and (end is None or bucket <= end)]
    return max(inside, key=lambda exemplar: exemplar.moment, default=None)


def _family(family: Family, classic: Sequence[int]) -> bytes:
    kind = HISTOGRAM if family.kind is Kind.HISTOGRAM else COUNTER if family.kind is Kind.COUNTER else GAUGE
    values = (_metric(family.labels, labels, kind, _double(1, value)) for labels, value in family.values.items())
    histograms = (
        _metric(family.labels, labels, kind, _histogram(histogram, classic))
        for labels, histogram in family.histograms.items()
    )
    name = f"{family.name}_total" if kind == COUNTER else family.name
    head = _text(1, name) + _text(2, family.meaning) + _number(3, kind)
    return head + b"".join(_message(4, metric) for metric in (*values, *histograms))


def _metric(names: Labels, labels: Labels, kind: int, value: bytes) -> bytes:
    field = {COUNTER: 3, GAUGE: 2, HISTOGRAM: 7}[kind]
    return _labels(zip(names, labels, strict=True)) + _message(field, value)


def _histogram(histogram: Histogram, classic: Sequence[int]) -> bytes:
    head = _number(1, histogram.count) + _double(2, histogram.total)
    buckets = (
        _message(3, _number(1, count) + _double(2, float("inf") if end is None else BOUNDS[end]))
        for end, count, _ in cumulative(histogram, classic)
    )
    zero = _double(6, BOUNDS[0]) + _number(7, histogram.counts.get(0, 0))
    exemplars = (_message(16, _exemplar(exemplar)) for exemplar in histogram.exemplars.values())
    return b"".join((head, *buckets, _number(5, _zigzag(SCHEMA)), zero, _spans(histogram.counts), *exemplars))


def _spans(counts: Mapping[int, int]) -> bytes:
    """Say where buckets with values are, and by how much each differs from the one before."""
    filled = sorted(bucket for bucket in counts if bucket > 0)
    spans: list[list[int]] = []
    deltas, expected, before = [], 0, 0
    for bucket in filled:
        index = bucket + OFFSET
        if not spans or index != expected:
            spans.append([index - expected, 0])
        spans[-1][1] += 1
        deltas.append(_varint(_zigzag(counts[bucket] - before)))
        expected, before = index + 1, counts[bucket]
    if not spans:  # says that this is a native histogram all the same
        return _message(12, _number(1, 0) + _number(2, 0))
    shown = b"".join(_message(12, _number(1, _zigzag(offset)) + _number(2, length)) for offset, length in spans)
    return shown + _message(13, b"".join(deltas))


def _exemplar(exemplar: Exemplar) -> bytes:
    seconds, nanoseconds = divmod(int(exemplar.moment * NANOSECONDS), NANOSECONDS)
    moment = _number(1, seconds) + _number(2, nanoseconds)
    return _labels([("trace_id", exemplar.trace_id)]) + _double(2, exemplar.value) + _message(3, moment)


def _labels(pairs: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(_message(1, _text(1, name) + _text(2, value)) for name, value in pairs)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | LENGTH) + _delimited(content)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | FIXED) + struct.pack("<d", value)


def _delimited(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
