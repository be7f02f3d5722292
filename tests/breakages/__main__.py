"""`python -m tests.breakages`: makes each fault in a copy of the code and demands that its tests go red.

Prints a table; exit code 1 if a fault went unnoticed or could not be made (then the list is behind the code).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.breakages.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]
SECONDS = 300
FAILED = 1
"""pytest's exit code for tests that ran and failed; any other is no proof."""


def main() -> int:
    """Go through the list."""
    unnoticed = 0
    for fault in FAULTS:
        noticed = _is_noticed(fault)
        unnoticed += not noticed
        print(f"{'noticed  ' if noticed else 'UNNOTICED'}  {fault.promise}  ({fault.file}; {fault.tests})", flush=True)
    print(f"{len(FAULTS) - unnoticed} of {len(FAULTS)} faults noticed")
    return 1 if unnoticed else 0


def _is_noticed(fault: Fault) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("src", "tests", "pyproject.toml", "docs", "README.md"):
            _copy(ROOT / name, copy / name)
        file = copy / "src" / "taskapi" / fault.file
        text = file.read_text(encoding="utf-8")
        if fault.old not in text:
            print(f"           {fault.file} does not hold {fault.old!r} any more")
            return False
        file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
        return _run(copy, fault.tests) == FAILED


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(copy: Path, tests: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0", *_split(tests)]
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
    return done.returncode


def _split(tests: str) -> list[str]:
    paths, _, keyword = tests.partition(" -k ")
    return [*paths.split(), *(["-k", keyword] if keyword else [])]


if __name__ == "__main__":
    sys.exit(main())
