"""What people are told at the end: counts by kind and by fault, and the verdict as the last line."""

from collections.abc import Iterator

from tests.chaos.ledger import Ledger


def table(ledger: Ledger) -> Iterator[str]:
    """Yield the lines of the tables."""
    yield f"{'reads checked':<52}{ledger.reads:>10,}"
    for kind, number in ledger.checked.most_common():
        yield f"  {kind:<50}{number:>10,}"
    for cached, number in ledger.answers.most_common():
        yield f"  X-Cache: {cached:<41}{number:>10,}"
    yield f"{'writes acknowledged':<52}{ledger.writes:>10,}"
    yield f"{'requests with ended sessions refused':<52}{ledger.refusals:>10,}"
    for reason, number in ledger.excused.most_common():
        yield f"{'excused by a fault: ' + reason:<52}{number:>10,}"
    yield ""
    heads = f"{'times':>6}{'s':>6}{'reads':>10}{'wrong':>7}{'503':>7}{'silent':>8}"
    yield f"{'fault, and the seconds after it':<44}{heads}"
    for name, counted in sorted(ledger.weather.counted.items()):
        yield (
            f"{name:<44}{counted.times:>6}{counted.seconds:>6.0f}{counted.reads:>10,}"
            f"{counted.wrong:>7,}{counted.unavailable:>7,}{counted.unanswered:>8,}"
        )
    yield ""
    for finding, number in (*ledger.wrong.most_common(), *ledger.faults.most_common()):
        yield f"FOUND {finding.value:<46}{number:>10,}"


def verdict(ledger: Ledger, seed: int) -> str:
    """Return the last line."""
    return (
        f"verdict: {ledger.violations:,} violations in {ledger.reads:,} checked reads, "
        f"{ledger.log_outs:,} log-outs, {ledger.wrong_answers:,} wrong answers (seed {seed})"
    )
