"""The list of faults that tests must notice keeps up with the code."""

from pathlib import Path

import pytest

from tests.breakages.faults import FAULTS, Fault

PACKAGE = Path(__file__).parents[2] / "src" / "taskapi"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.promise)
def test_each_fault_can_be_made(fault: Fault) -> None:
    assert fault.old in (PACKAGE / fault.file).read_text(encoding="utf-8")
