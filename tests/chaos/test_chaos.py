"""Three processes, real servers and real faults, for a short while; `make chaos` does the same for longer."""

import json
from pathlib import Path
from random import Random

from tests.chaos import process_faults, redis_faults, revocation
from tests.chaos.campaign import Plan
from tests.chaos.fleet import GUIDE_WAY, TASK_API
from tests.chaos.judgement import Wrong
from tests.chaos.ledger import Fault, Ledger
from tests.chaos.report import table, verdict
from tests.chaos.run import run

FEW_FAULTS = (
    (redis_faults.flush, redis_faults.fail_back, redis_faults.stall_one, redis_faults.cut_off_one),
    (process_faults.kill_worker, process_faults.freeze_briefly, process_faults.kill_database),
)
ROUNDS = 40
PATIENCE = 15.0
"""Seconds: these tests share the machine with others."""


def campaign(plan: Plan, folder: Path, guide: bool = False) -> Ledger:
    """Run a plan and return the books; a test that fails shows them."""
    ledger = run(plan, GUIDE_WAY if guide else TASK_API, folder, print)
    print("\n".join(table(ledger)))
    print(ledger.journal.read_text())
    return ledger


def test_a_short_storm_finds_nothing(folder: Path) -> None:
    plan = Plan(
        seed=Random().getrandbits(32),
        seconds=20,
        people=3,
        reader_patience=PATIENCE,
        writer_patience=PATIENCE,
        gap=(0.2, 3),
        lanes=FEW_FAULTS,
    )
    ledger = campaign(plan, folder)
    assert ledger.is_clean, verdict(ledger, plan.seed)
    assert min(ledger.reads, ledger.writes, ledger.refusals) > 0
    assert len(ledger.weather.counted) >= 2, "hardly any fault happened"


def test_what_the_guide_gets_wrong_is_found(folder: Path) -> None:
    plan = Plan(seed=1, seconds=10, people=3, lanes=((redis_faults.slow_all,), (redis_faults.flush,)))
    ledger = campaign(plan, folder, guide=True)
    assert ledger.wrong[Wrong.STALE] > 0
    assert ledger.faults[Fault.LOGGED_OUT] > 0
    findings = [line for line in map(json.loads, ledger.journal.open()) if line["event"] == "finding"]
    stale = next(finding for finding in findings if finding["finding"] == Wrong.STALE)
    assert stale.keys() >= {"client", "path", "seen", "acknowledged", "begun", "instance", "cache", "faults"}


def test_a_session_that_was_ended_is_refused_by_all_processes(folder: Path) -> None:
    ledger, ended = revocation.run(folder, ROUNDS, seed=Random().getrandbits(32))
    assert ledger.is_clean, ledger.journal.read_text()
    assert ended.total() == ROUNDS
