"""`python -m tests.whole.gameday`: break the whole, see which alerts fire and what people notice, print a report.

Three instances behind nginx, a primary, a replica, Valkey and one Prometheus with the rules as they are, which scrapes
and evaluates every five seconds. Exit status 1 if an alert that has to fire did not, somebody saw a fault other than
503 with `Retry-After`, or a confirmed write was lost.
"""

import argparse
import signal
import sys
import time

from tests.monitoring.prometheus import scraping
from tests.servers import data_folder
from tests.whole.gameday.episode import Episode
from tests.whole.gameday.observer import Observer
from tests.whole.gameday.play import play
from tests.whole.gameday.report import report
from tests.whole.gameday.scenarios import SCENARIOS, Scenario
from tests.whole.stage import FIRST, stage

SCRAPE_SECONDS = 5
DISK_MEGABYTES = 600
NAMES = [scenario.name for scenario in SCENARIOS]


def main() -> int:
    """Return the exit status."""
    only = _options().only
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was started is stopped
    begun = time.monotonic()
    episodes = _played([scenario for scenario in SCENARIOS if only in (None, scenario.name)])
    print("\n" + report(episodes))
    faults = [fault for episode in episodes for fault in episode.faults()]
    print(f"\n{len(faults)} faults in {time.monotonic() - begun:.0f} s.")
    return 1 if faults else 0


def _played(scenarios: list[Scenario]) -> list[Episode]:
    with data_folder() as folder, data_folder() as another, stage(folder, DISK_MEGABYTES) as running:
        targets = [running.instances.metrics(number) for number in FIRST]
        with scraping(another, targets, seconds=SCRAPE_SECONDS) as prometheus:
            observer = Observer(prometheus, targets[0])
            return [play(scenario, running, observer, _tell) for scenario in scenarios]


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.whole.gameday", description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="play this one alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
