"""The report as Markdown: what was done, which alerts, which panels, what people saw."""

from collections.abc import Iterator

from tests.whole.gameday.episode import MOMENTS, Episode
from tests.whole.gameday.observer import Course, Gauge, Shown

COLUMNS = {
    "s": lambda value: f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s",
    "percentunit": lambda value: f"{value:.1%}",
    "reqps": lambda value: f"{value:.3g} a second",
    "cps": lambda value: f"{value:.3g} a second",
}
"""How a number of each unit is written; others as they are."""


def report(episodes: list[Episode]) -> str:
    """Return all of it."""
    return "\n".join(["# Game day", *(line for episode in episodes for line in _section(episode))])


def _section(episode: Episode) -> Iterator[str]:
    scenario = episode.scenario
    yield from ("", f"## {scenario.name}", "", f"{scenario.done} Put right after {episode.repaired:.0f} s.", "")
    yield "| alert | pending after | firing after | ended, counted from the repair |"
    yield "|---|---|---|---|"
    for name, course in sorted(episode.courses.items(), key=lambda found: found[1].pending or 0):
        yield f"| `{name}` | {' | '.join(_moments(course, episode.repaired))} |"
    yield from ("", f"| panel | {' | '.join(MOMENTS)} |", f"|---|{'---|' * len(MOMENTS)}")
    for number, gauge in enumerate(scenario.gauges):
        cells = [_cell(gauge, episode.shown[moment][number]) for moment in MOMENTS]
        legend = f" ({gauge.legend})" if gauge.legend and "{" not in gauge.legend else ""
        yield f"| {gauge.board}: {gauge.title}{legend} | {' | '.join(cells)} |"
    yield from ("", f"People: {episode.people}.")
    if episode.crowd is not None:
        yield f"The crowd: {episode.crowd}."
    if episode.refused_until is not None:
        yield f"The last refusal was seen {episode.refused_until - episode.repaired:+.0f} s from the repair."
    ended = "had ended" if episode.is_over else "had not all ended"
    yield f"What fired before the repair {ended} {episode.over - episode.repaired:.0f} s after it."
    yield from (f"**FAULT**: {fault}" for fault in episode.faults())


def _moments(course: Course, repaired: float) -> Iterator[str]:
    for moment in (course.pending, course.firing):
        yield "–" if moment is None else f"{moment:.0f} s"
    yield "–" if course.ended is None else f"{course.ended - repaired:+.0f} s"


def _cell(gauge: Gauge, shown: Shown | None) -> str:
    if shown is None:
        return "nothing"
    written = COLUMNS[gauge.unit](shown.value) if gauge.unit in COLUMNS else f"{shown.value:.3g}"
    return f"{written} ({shown.series})" if shown.series else written
