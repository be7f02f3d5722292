"""`make bench-connections`: 15,000 connections that stay open, each with a request every ten seconds.

Three instances behind nginx, one behind nginx and one without it; after each of them a bare application in its place,
which sends the same bytes. `ARGS="three"` picks some. Ends with a sentence, and with 1 if that is not a good one.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import structs
from redis import Redis

from bench import crowd
from bench.connections import scenes, usage
from bench.connections.load import Timing, drive
from bench.connections.report import MOST_TIMES_BARE, Row, row, tell
from bench.connections.scenes import BARE_OPENING, HOST, OPENING, SCENES, Person, Scene
from bench.load import LoadFailed
from bench.servers import started_servers


class Bench:
    """The people, and the servers that hold what is theirs."""

    def __init__(self, environment: dict[str, str], folder: Path, people: int, timing: Timing) -> None:
        crowd.gather(environment, people, folder / "people")
        lines = (folder / "people").read_text().splitlines()
        self._people: list[Person] = [(token, task) for token, task in map(str.split, lines)]
        self._environment = environment
        self._folder = folder
        self._timing = timing

    def rows(self, scene: Scene) -> list[Row]:
        """Measure the API, which holds nothing at first, and the bare application."""
        with Redis.from_url(self._environment["REDIS_URL"]) as redis:
            redis.flushall()
        recording = self._folder / "recorded"

        def record(port: int) -> None:
            scenes.record(port, self._people[0], recording)

        alike = [(token, self._people[0][1]) for token, _ in self._people]
        running = scenes.ours(scene, self._environment, self._folder)
        timing = structs.replace(self._timing, opening=OPENING, warming=self._timing.warming * scene.instances)
        api = self._row(scene.name, running, self._people, timing, record)
        timing = structs.replace(self._timing, opening=BARE_OPENING)
        bare = self._row(f"{scene.name}-bare", scenes.bare(scene, recording), alike, timing)
        bare.from_memory_percent = 0.0  # the answer that it sends says so, but it has no memory
        api.times_bare = round(api.p99_milliseconds / bare.p99_milliseconds, 2) if bare.p99_milliseconds else 0.0
        return [api, bare]

    def _row(
        self,
        name: str,
        running: AbstractContextManager[int],
        people: Sequence[Person],
        timing: Timing,
        prepare: Callable[[int], None] | None = None,
    ) -> Row:
        load_average = usage.load_average()
        with running as port:
            if prepare is not None:
                prepare(port)
            idle = usage.look()
            outcome, before, after = drive(self._folder, (HOST, port), people, timing, usage.look)
        print(f"{name}: load {load_average:.2f} before", file=sys.stderr)
        return row(name, len(people), outcome, (idle, before, after), load_average)


def measured(names: Sequence[str], people: int, timing: Timing) -> list[Row]:
    """Measure scenes, each with that many people."""
    with tempfile.TemporaryDirectory() as name, started_servers(Path(name)) as environment:
        bench = Bench(environment, Path(name), people, timing)
        return [found for scene in names for found in bench.rows(SCENES[scene])]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.connections")
    parser.add_argument("scenes", nargs="*", default=list(SCENES), help=f"of {', '.join(SCENES)}; all of them if none")
    parser.add_argument("--people", type=int, default=15_000, help="each with a connection")
    parser.add_argument("--interval", type=float, default=10, help="seconds between two requests of a connection")
    parser.add_argument("--rounds", type=int, default=5, help="intervals that are measured")
    asked = parser.parse_args()
    try:
        rows = measured(asked.scenes, asked.people, Timing(interval=asked.interval, rounds=asked.rounds))
    except LoadFailed as error:
        sys.exit(f"bench: {error}")
    faults = tell(rows)
    for fault in faults:
        print(fault)
    print("FAILED" if faults else f"PASSED: no errors, and no p99 beyond {MOST_TIMES_BARE:.0f} times the bare one")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
