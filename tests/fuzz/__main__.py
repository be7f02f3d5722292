"""`python -m tests.fuzz`: a long campaign of generated requests, and a summary of what came back."""

import argparse
import random
import sys
import time

from tests.fuzz.campaign import Campaign, Extent
from tests.fuzz.target import answers, failures, running_target

EXTENT = Extent(examples=100, scenarios=400)


def main() -> int:
    """Return the exit status: 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="generated requests to send at least")
    parser.add_argument("--seed", type=int, help="repeats a campaign; otherwise a new one is chosen and printed")
    options = parser.parse_args()
    seed = random.getrandbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    started = time.monotonic()
    with running_target() as (program, people):
        campaign = Campaign(program.url, people, seed, EXTENT)
        campaign.run(options.requests)
        logged, answered = failures(program), answers(program)
    _report(campaign, time.monotonic() - started, answered)
    for line in logged:
        print(f"\nIn the program's log: {line}")
    return 1 if campaign.findings or campaign.tally.broken or logged else 0


def _report(campaign: Campaign, seconds: float, answered: int) -> None:
    tally = campaign.tally
    print(f"\n{'operation':<48}{'requests':>10}  answers")
    for label, statuses in sorted(tally.operations().items()):
        shares = "  ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
        print(f"{label:<48}{statuses.total():>10}  {shares}")
    phases = ", ".join(f"{phase} {number}" for phase, number in tally.by_phase.items())
    print(f"\n{tally.sent} generated requests in {campaign.rounds} rounds and {seconds:.0f} s ({phases})")
    print(f"{answered} answers in all, {len(tally.broken)} of the generated ones 500 or more or missing")
    for request in tally.broken:
        print(f"\n{request}")
    for reason, number in campaign.explained.most_common():
        print(f"{number} refusals by a rule that the document cannot state: {reason}")
    print(f"{len(campaign.findings)} findings")
    for title, detail in campaign.findings.items():
        print(f"\n{title}\n{detail}")


if __name__ == "__main__":
    sys.exit(main())
