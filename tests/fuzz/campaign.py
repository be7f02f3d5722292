"""A campaign of generated requests against the running program: rounds in which two people take turns.

Each round is a whole run of Schemathesis with all its checks and phases and a seed of its own.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import schemathesis
from schemathesis import Response
from schemathesis.core.failures import Failure
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import EngineEvent, FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.run import PhaseName
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from tests.fuzz.people import People
from tests.fuzz.rules import Verdicts
from tests.fuzz.switchboard import UNDOING, Switchboard
from tests.fuzz.tally import Tally

DOCUMENT = "/api/openapi.json"
SLOWEST_SECONDS = 10
LONGEST_ANSWER = 2_000
EVERYTHING = ("examples", "coverage", "fuzzing", "stateful")
SCENARIOS = ("stateful",)
STEPS = 10
ATTEMPTS = 20
SEEDS = 1_000
"""Between the seeds of a round's attempts: more than there are rounds."""


class Extent(NamedTuple):
    """How much one round generates, beyond the cases that are enumerated from the document."""

    examples: int
    """For each operation."""
    scenarios: int
    """Of several steps each."""


class Campaign:
    """Runs rounds and gathers what they find."""

    def __init__(self, url: str, people: People, seed: int, extent: Extent) -> None:
        self.tally = Tally()
        self.findings: dict[str, str] = {}
        """What is wrong, each once, with a command that shows it."""
        self.explained: Counter[str] = Counter()
        """How many answers looked wrong and are right by a documented rule, by its reason."""
        self.rounds = 0
        self.scenarios = 0
        self._url = url
        self._people = people
        self._seed = seed
        self._extent = extent

    def run(self, requests: int) -> None:
        """Do whole rounds until so many requests have been sent."""
        callers = list(self._people.staying)
        while self.tally.sent < requests:
            self._round(callers[self.rounds % len(callers)], self._seed + self.rounds)
            self.rounds += 1

    def _round(self, caller: str, seed: int) -> None:
        """Run everything, and then scenarios until there are enough.

        Schemathesis gives up on scenarios as soon as one that it repeats comes out differently, and sooner or later one
        does: the first time an address was free, or a task not yet in the trash.
        """
        self.scenarios = 0
        switchboard, verdicts = Switchboard(self._people, caller), Verdicts()
        self._run(seed, EVERYTHING, switchboard, verdicts)
        for attempt in range(1, ATTEMPTS):
            if self.scenarios >= self._extent.scenarios:
                break
            self._run(seed + attempt * SEEDS, SCENARIOS, switchboard, verdicts)
        self.explained += verdicts.explained
        for command in switchboard.locked_out:
            self.findings.setdefault("Somebody was locked out", command)

    def _run(self, seed: int, phases: Collection[str], switchboard: Switchboard, verdicts: Verdicts) -> None:
        schema = schemathesis.openapi.from_url(self._url + DOCUMENT, config=self._configuration(seed, phases))
        schema.auth.providers[:] = switchboard.providers
        for hook in (
            self.tally.after_call,
            self.tally.after_network_error,
            switchboard.after_call,
            verdicts.after_call,
            verdicts.filter_failure,
        ):
            schema.hooks.register_hook_with_name(hook, hook.__name__)
        with _registered(switchboard.before_call):
            for event in from_schema(schema).execute():
                self._note(event)

    def _configuration(self, seed: int, phases: Collection[str]) -> schemathesis.Config:
        options: dict[str, dict[str, Any]] = {
            "coverage": {"generate-duplicate-query-parameters": True},
            "stateful": {
                "generation": {"max-examples": self._extent.scenarios},
                "max-steps": STEPS,
                "link-calibration": False,
            },
        }
        # What was deleted is drawn less often, which here makes repetitions come out differently at once.
        steady = {"fuzzing": {"extra-data-sources": {"responses": False}}}
        return schemathesis.Config.from_dict(
            {
                "seed": seed,
                "base-url": self._url,
                "request-timeout": 2 * SLOWEST_SECONDS,
                "continue-on-failure": True,
                "suppress-health-check": ["all"],
                "cache": {"enabled": False},
                "checks": {"max_response_time": SLOWEST_SECONDS},
                "generation": {"mode": "all", "max-examples": self._extent.examples, "database": "none"},
                "phases": {phase: {"enabled": phase in phases, **options.get(phase, {})} for phase in EVERYTHING},
                "operations": [{"include-name": label, "phases": steady} for label in UNDOING],
            }
        )

    def _note(self, event: EngineEvent) -> None:
        if isinstance(event, ScenarioFinished):
            self.scenarios += event.phase is PhaseName.STATEFUL_TESTING and event.status is not Status.SKIP
            for case_id, checks in event.recorder.checks.items():
                answer = _shown(event.recorder.find_response(case_id=case_id))
                for check in checks:
                    if check.failure_info is not None:
                        self._find(check.failure_info.failure, check.failure_info.code_sample, answer)
        elif isinstance(event, NonFatalError):
            self.findings.setdefault(f"{event.label}: {event.info.title}", event.info.format())
        elif isinstance(event, FatalError):
            raise event.exception

    def _find(self, failure: Failure, command: str, answer: str) -> None:
        title = f"{failure.operation}: {failure.title}"
        self.findings.setdefault(title, f"{failure.message}\n\n{command}\n\n{answer}")


def _shown(answer: Response | None) -> str:
    if answer is None:
        return "no answer"
    return f"{answer.status_code} {answer.content[:LONGEST_ANSWER].decode(errors='replace')}"


@contextmanager
def _registered(before_call: Callable[..., None]) -> Iterator[None]:
    """Have the hook, which exists for all schemas only, for the length of the block."""
    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)
