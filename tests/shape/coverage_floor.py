"""Fails if less than 95 % of lines or of branches were run: `python -m tests.shape.coverage_floor`.

Coverage's own threshold is one figure for both, in which many lines can hide few branches.
"""

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

FLOOR = 95.0


def shares(totals: dict[str, int]) -> dict[str, float]:
    """Return the percentages of lines and of branches that were run; of nothing, all was."""
    counted = {
        "lines": (totals["covered_lines"], totals["num_statements"]),
        "branches": (totals["covered_branches"], totals["num_branches"]),
    }
    return {name: 100 * covered / total if total else 100.0 for name, (covered, total) in counted.items()}


def measured() -> dict[str, float]:
    """Return the percentages of the run whose data lies in the working directory."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(report))
        totals: dict[str, int] = json.loads(report.read_text(encoding="utf-8"))["totals"]
    return shares(totals)


def main() -> int:
    """Print the percentages and return the exit code."""
    found = measured()
    print("Coverage: " + ", ".join(f"{share:.2f} % of {name}" for name, share in found.items()))
    missed = [name for name, share in found.items() if share < FLOOR]
    if missed:
        print(f"At least {FLOOR:.0f} % of {' and of '.join(missed)} has to be run by a test.", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
