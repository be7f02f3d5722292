"""Lines over time, as SVG."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

from monitoring.picture.prometheus import Series, View
from monitoring.picture.units import marks, moments

WIDTH, HEIGHT = 640, 190
ABOVE, BELOW, BEFORE, BEHIND = 8, 22, 66, 18
LETTER = 6.3
"""How wide one of an axis is."""

SPARK = 44
"""How high the small line of a number is."""

COLOURS = ("#2f6fde", "#e8833a", "#2e9e5b", "#8a55d7", "#d64550", "#1797a6", "#b58900", "#c2478f", "#5c7f1f", "#64748b")


class Frame(NamedTuple):
    """Where moments and values lie."""

    view: View
    top: float
    left: float
    right: float
    above: float
    below: float

    def x(self, moment: float) -> float:
        """Return how far to the right a moment is."""
        span = self.view.end - self.view.begin
        return round(self.left + (moment - self.view.begin) / span * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Return how far down a value is."""
        return round(self.below - min(max(value, 0), self.top) / self.top * (self.below - self.above), 1)


def colour(number: int) -> str:
    """Return that of a line, by its place among the others."""
    return COLOURS[number % len(COLOURS)]


def graph(lines: Sequence[Series], unit: str, view: View, alerts: Sequence[Series]) -> str:
    """Return lines with both axes; behind them, when an alert fired."""
    values = marks(_highest(lines), unit)
    left = max(BEFORE, 12 + LETTER * max(len(text) for _, text in values))
    frame = Frame(view, values[-1][0], left, WIDTH - BEHIND, ABOVE, HEIGHT - BELOW)
    parts = [*_axes(frame, values), *_bands(frame, alerts)]
    for number, line in enumerate(lines):
        parts += _line(frame, line, colour(number))
    return _svg(HEIGHT, parts)


def spark(line: Series, paint: str, view: View) -> str:
    """Return a small line without axes."""
    frame = Frame(view, _highest([line]) or 1, 0, WIDTH / 2, 3, SPARK)
    return _svg(SPARK, _line(frame, line, paint), WIDTH // 2)


def runs(points: Sequence[tuple[float, float]], step: float) -> list[list[tuple[float, float]]]:
    """Return points in groups, between which something is missing."""
    gaps = [False, *(later - earlier > 1.5 * step for (earlier, _), (later, _) in pairwise(points))]
    numbered = zip(accumulate(gaps), points, strict=True)
    return [[point for _, point in group] for _, group in groupby(numbered, key=lambda each: each[0])]


def _highest(lines: Sequence[Series]) -> float:
    return max([0.0, *(value for line in lines for _, value in line.points)])


def _svg(height: int, parts: Iterable[str], width: int = WIDTH) -> str:
    return f'<svg viewBox="0 0 {width} {height}">\n' + "\n".join(parts) + "\n</svg>"


def _bands(frame: Frame, alerts: Sequence[Series]) -> Iterator[str]:
    for alert in alerts:
        for run in runs(alert.points, frame.view.step):
            x, end = frame.x(run[0][0]), frame.x(run[-1][0])
            title = f"<title>{escape(alert.name)}</title>"
            box = f'x="{x}" y="{frame.above}" width="{max(end - x, 1):.1f}" height="{frame.below - frame.above}"'
            yield f'<rect class="alert" {box}>{title}</rect>'
            yield f'<path class="alert" d="M{x} {frame.above}V{frame.below}"/>'


def _axes(frame: Frame, values: Sequence[tuple[float, str]]) -> Iterator[str]:
    for value, text in values:
        y = frame.y(value)
        yield f'<path class="{"mark" if value else "zero"}" d="M{frame.left} {y}H{frame.right}"/>'
        yield f'<text x="{frame.left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    for moment, text in moments(frame.view.begin, frame.view.end):
        x = frame.x(moment)
        yield f'<path class="mark" d="M{x} {frame.above}V{frame.below}"/>'
        yield f'<text x="{x}" y="{frame.below + 16}" text-anchor="middle">{text}</text>'


def _line(frame: Frame, line: Series, paint: str) -> Iterator[str]:
    """Yield the area below a line, what bridges its gaps, and the line itself."""
    groups = runs([(frame.x(moment), frame.y(value)) for moment, value in line.points], _wide(frame))
    bottom = frame.below
    areas = "".join(f"M{run[0][0]} {bottom}{_through('L', run)}V{bottom}Z" for run in groups)
    bridges = "".join(f"{_through('M', [one[-1]])}{_through('L', [other[0]])}" for one, other in pairwise(groups))
    strokes = "".join(f"{_through('M', run[:1])}{_through('L', run[1:] or run)}" for run in groups)
    yield f'<path class="area" fill="{paint}" d="{areas}"/>'
    if bridges:
        yield f'<path class="bridge" stroke="{paint}" d="{bridges}"/>'
    yield f'<path class="line" stroke="{paint}" d="{strokes}"><title>{escape(line.name)}</title></path>'


def _wide(frame: Frame) -> float:
    return frame.x(frame.view.begin + frame.view.step) - frame.x(frame.view.begin)


def _through(letter: str, points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{letter}{x} {y}" for x, y in points)
