"""Two releases of the program: this one, and a newer one, which is its source in a folder with steps of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import taskapi
from tests.migrations.releases import newer_release
from tests.system.launch import environment
from tests.whole.instances import Instances

PACKAGE = Path(taskapi.__file__).parent
DISTRIBUTION = "task-api"
NEWER = "999.0.0"
SECONDS = 120


class Release(NamedTuple):
    """One release; `settings` let a Python process be it."""

    version: str
    settings: dict[str, str]

    def run(self, instances: Instances, *arguments: str) -> str:
        """Run `task-api` as an instance would be; returns what it said, and how it ended if not well."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "taskapi", *arguments],
                env=environment(Path(folder)) | instances.settings | self.settings,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        return done.stdout.strip() + (f" (exit code {done.returncode}) {done.stderr}" if done.returncode else "")

    def serves(self, instances: Instances) -> set[int]:
        """Return the numbers of the instances that are this release, as they say themselves."""
        told = {
            number: program.request("GET", "/api/openapi.json").json()["info"]["version"]
            for number, program in instances.running.items()
        }
        return {number for number in told if told[number] == self.version}


def this() -> Release:
    """Return the release that is tested."""
    return Release(version(DISTRIBUTION), {})


def newer(folder: Path, *steps: tuple[str, list[str], list[str]]) -> Release:
    """Put a newer release into a folder: phase, SQL up and SQL down of each of its steps."""
    package = folder / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    newer_release(package, *steps)
    description = folder / f"{DISTRIBUTION.replace('-', '_')}-{NEWER}.dist-info"
    description.mkdir()
    (description / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {NEWER}\n")
    found = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return Release(NEWER, {"PYTHONPATH": found})
