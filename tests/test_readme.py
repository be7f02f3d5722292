"""The README's tour and the examples of docs/api.md work as they are printed, line by line."""

from pathlib import Path

import pytest

from tests.house import House
from tests.programs import program
from tests.transcripts import DOCUMENTS, Step, normalised, steps, typed

TYPED = ("bash", "curl", "python3")
"""Programs that the examples run."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_the_document_prints_is_what_its_commands_print(document: Path, house: House) -> None:
    for name in TYPED:
        program(name)
    written = steps(document)
    commands = [step.command for step in written]
    outputs = typed(commands, house.url)
    assert len(outputs) == len(commands), f"the shell stopped at: {outputs[-1:]}"
    printed = normalised([step.printed for step in written], commands)
    really = normalised(outputs, commands)
    assert list(map(Step, commands, really)) == list(map(Step, commands, printed))


def test_the_tour_covers_what_people_do_first() -> None:
    typed_in_tour = "\n".join(step.command for step in steps(next(iter(DOCUMENTS))))
    for part in (
        "/auth/register",
        "/auth/login",
        "Idempotency-Key",
        "If-Match",
        "/completion",
        "/trash",
        "/restoration",
    ):
        assert part in typed_in_tour
