"""Numbers as people read them, in the units that Grafana has words for, and where an axis has its marks."""

import math
from datetime import UTC, datetime

SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "short": ((1, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")),
    "percentunit": ((0.01, "%"),),
    "reqps": ((1, "req/s"), (1e3, "k req/s")),
    "cps": ((1, "/s"), (1e3, "k/s"), (1e6, "M/s")),
    "s": ((1e-6, "µs"), (1e-3, "ms"), (1, "s"), (60, "min"), (3600, "h"), (86400, "d")),
    "bytes": ((1, "B"), (1024, "KiB"), (1024**2, "MiB"), (1024**3, "GiB")),
}
MINUTE, DAY = 60, 86400
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400)
"""Minutes that may lie between two marks."""

STEPS, MOMENTS = 4, 10
"""Between the marks of the axis of values, and marks of that of time, at most."""


def said(value: float, unit: str) -> str:
    """Return a value with its unit."""
    factor, name = _scale(value, unit)
    digits = 4 if unit == "percentunit" else 3
    return f"{value / factor:.{digits}g} {name}".strip()


def marks(highest: float, unit: str) -> list[tuple[float, str]]:
    """Return values at even distances from zero to at least the highest, each with how it is written."""
    factor, name = _scale(highest or 1, unit)
    top = (highest or 1) / factor
    step = _even(top / STEPS)
    count = math.ceil(round(top / step, 6))
    if _scale(count * step * factor, unit) != (factor, name):  # 1000 ms are a second
        return marks(count * step * factor, unit)
    return [(mark * step * factor, f"{mark * step:.6g} {name}".strip()) for mark in range(count + 1)]


def moments(begin: float, end: float) -> list[tuple[float, str]]:
    """Return full minutes, hours or days between two moments, each with how it is written."""
    step = MINUTE * next((each for each in TIMES if (end - begin) / MINUTE / each <= MOMENTS), TIMES[-1])
    words = "%H:%M" if step < DAY else "%d %b"
    found = range(math.ceil(begin / step) * step, math.floor(end) + 1, step)
    return [(moment, clock(moment, words)) for moment in found]


def clock(moment: float, words: str) -> str:
    """Return a moment in UTC, written by a pattern."""
    return datetime.fromtimestamp(moment, UTC).strftime(words)


def _scale(value: float, unit: str) -> tuple[float, str]:
    known = SCALES[unit]
    if not value:
        return min(known, key=lambda each: abs(each[0] - 1))
    return max((each for each in known if each[0] <= abs(value)), default=known[0])


def _even(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    steps = (1, 2, 2.5, 5, 10) if power >= 10 else (1, 2, 5, 10)
    return next(each * power for each in steps if each * power >= least * 0.999)
