"""`python -m tests.model`: what each configuration varies and how large it is, then who catches which weak variant."""

import argparse
import sys

from tests.model.configurations import CONFIGURATIONS
from tests.model.explore import explore
from tests.model.protocol import model_of
from tests.model.weakenings import WEAKENINGS


def main() -> int:
    """Print both tables; return 1 if the protocol broke or a weakened variant was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these configurations, and what they catch")
    parser.add_argument("--trails", action="store_true", help="print the shortest way to each wrong state")
    options = parser.parse_args()
    broken = _configurations(options.names)
    survivors = _weakenings(options.names, options.trails)
    _say(f"\n{broken or 'no'} configuration broken, {survivors or 'no'} weakened variant survived")
    return 1 if broken or survivors else 0


def _configurations(names: list[str]) -> int:
    broken = states = 0
    seconds = 0.0
    _say(f"{'configuration':<18}{'states':>9}{'seconds':>9}  varies")
    for scope in CONFIGURATIONS:
        if names and scope.name not in names:
            continue
        outcome = explore(model_of(scope), scope.at_most)
        states, seconds = states + outcome.states, seconds + outcome.seconds
        _say(f"{scope.name:<18}{outcome.states:>9,}{outcome.seconds:>9.1f}  {scope.varies}")
        if outcome.wrong:
            broken += 1
            _say("\n    ".join((f"    BROKEN: {outcome.wrong}", *outcome.trail)))
    _say(f"{'all':<18}{states:>9,}{seconds:>9.1f}")
    return broken


def _weakenings(names: list[str], trails: bool) -> int:
    survivors = 0
    _say(f"\n{'weakened variant':<58}{'caught by':<18}{'steps':>5}{'states':>9}{'seconds':>9}")
    for weakening in WEAKENINGS:
        if names and weakening.caught_by not in names:
            continue
        scope = weakening.scope()
        outcome = explore(model_of(scope), scope.at_most)
        survivors += not outcome.wrong
        caught = weakening.caught_by if outcome.wrong else "NOBODY"
        figures = f"{len(outcome.trail):>5}{outcome.states:>9,}{outcome.seconds:>9.1f}"
        _say(f"{weakening.name:<58}{caught:<18}{figures}")
        if trails:
            _say("\n    ".join((f"    {outcome.wrong}", *outcome.trail)))
    return survivors


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
