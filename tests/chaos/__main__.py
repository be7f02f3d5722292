"""`python -m tests.chaos`: people, faults and a verdict. Exit status 1 if anything was found or too little was read.

Findings are written to a journal, which is kept with the servers' logs if there are any.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import LANES, Plan
from tests.chaos.fleet import TARGETS
from tests.chaos.report import table, verdict
from tests.chaos.run import run

SECONDS = 480
LONG_READS = 1_000_000
FAULTS = [fault.__name__ for lane in LANES for fault in lane]


def main() -> int:
    """Return the exit status."""
    options = _options()
    seed = random.getrandbits(32) if options.seed is None else options.seed
    lanes = [[fault for fault in lane if fault.__name__ in options.faults] for lane in LANES]
    reads = LONG_READS if options.long else 0
    plan = Plan(seed=seed, seconds=options.seconds, reads=reads, lanes=[lane for lane in lanes if lane])
    folder = Path(tempfile.mkdtemp(prefix="task-api-chaos-", dir="/tmp"))
    folder.chmod(0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    print(f"seed {seed}, target {options.target}, journal {folder / 'journal.jsonl'}", flush=True)
    try:
        ledger = run(plan, TARGETS[options.target], folder, lambda line: print(line, flush=True))
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    print("\n" + "\n".join(table(ledger)))
    if ledger.is_clean:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"The findings are in {ledger.journal}, the servers' logs beside it.")
    print(verdict(ledger, seed))
    return 0 if ledger.is_clean and ledger.reads >= max(1, reads) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="decides the order of the faults; a new one is chosen and printed")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long faults happen at least")
    parser.add_argument("--long", action="store_true", help=f"go on until {LONG_READS:,} reads are checked")
    parser.add_argument("--target", choices=sorted(TARGETS), default="task-api", help="what is under test")
    parser.add_argument("--faults", nargs="*", choices=FAULTS, default=FAULTS, metavar="FAULT", help=", ".join(FAULTS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
