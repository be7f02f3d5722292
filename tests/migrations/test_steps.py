"""The steps are read as Alembic reads them, and a start that changes nothing does without it."""

import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

from taskapi.migrations import run
from taskapi.migrations.steps import read_steps
from tests.migrations.releases import EXPAND, newer_release
from tests.servers import Servers

START = """
import sys
from taskapi.__main__ import app
from taskapi.migrations import run
assert run.upgrade_if_behind(sys.argv[1]) == run.prepare(sys.argv[1])
print(sorted({"alembic", "sqlalchemy"} & sys.modules.keys()))
"""


def folders(place: Path) -> list[Path]:
    """This release's steps, and those of a newer one with steps on both sides of its deploy."""
    return [run.FOLDER, newer_release(place, ("post", *EXPAND), ("pre", [], []), ("post", [], []))]


def test_number_order_and_docstring_are_those_that_alembic_finds(tmp_path: Path) -> None:
    for folder in folders(tmp_path):
        scripts = ScriptDirectory(folder)
        found = [(script.revision, script.longdoc) for script in scripts.walk_revisions()][::-1]
        steps = read_steps(folder)
        assert [(step.number, step.docstring.strip()) for step in steps] == found
        assert steps[-1].number == scripts.get_current_head()


def test_only_a_step_that_says_so_waits_for_the_end_of_older_releases(tmp_path: Path) -> None:
    newer = folders(tmp_path)[1]
    assert [step.is_late for step in read_steps(newer)][len(run.steps()) :] == [True, False, True]


def test_a_start_on_a_schema_that_is_up_to_date_loads_no_alembic(servers: Servers) -> None:
    command = [sys.executable, "-c", START, servers.create_migrated_database()]
    started = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (started.returncode, started.stdout) == (0, "[]\n"), started.stderr
