"""What an older release would not survive is refused by the linter, and stands only in steps that run after it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from taskapi.migrations import run

ROOT = Path(__file__).parent.parent.parent
SQUAWK = Path(sys.executable).with_name("squawk")
EXCEPTION = re.compile(r"--\s*squawk-ignore(?:-file)?\s+(.+)")
"""How SQL says that it knows better than a rule."""

TAKES_AWAY = {
    "ban-drop-column",
    "ban-drop-table",
    "ban-drop-not-null",
    "renaming-column",
    "renaming-table",
    "changing-column-type",
    "adding-required-field",
    "adding-not-nullable-field",
}
"""The rules that protect releases which run; all others protect the data and whoever waits for it."""

FLOOR = re.compile(r"UPDATE schema_floor SET step = '(\d{4})'")


def complaints(statement: str) -> str:
    """What the linter says of a statement, as configured."""
    command = [str(SQUAWK), "--config", str(ROOT / ".squawk.toml"), "--reporter", "gcc", "--stdin-filepath", "step"]
    return subprocess.run(command, input=statement, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE tasks DROP COLUMN title;", "ban-drop-column"),
        ("DROP TABLE tasks;", "ban-drop-table"),
        ("ALTER TABLE tasks RENAME COLUMN title TO name;", "renaming-column"),
        ("ALTER TABLE tasks RENAME TO things;", "renaming-table"),
        ("ALTER TABLE tasks ALTER COLUMN title TYPE integer USING 1;", "changing-column-type"),
        ("ALTER TABLE tasks ADD COLUMN colour text NOT NULL;", "adding-required-field"),
        ("ALTER TABLE tasks ALTER COLUMN due_at SET NOT NULL;", "adding-not-nullable-field"),
        ("CREATE INDEX tasks_by_title ON tasks (title);", "require-concurrent-index-creation"),
        ("ALTER TABLE tasks ADD CONSTRAINT c CHECK (title <> '');", "constraint-missing-not-valid"),
        ("ALTER TABLE tasks ADD CONSTRAINT u UNIQUE (title);", "disallowed-unique-constraint"),
    ],
)
def test_a_change_that_an_older_release_or_the_load_would_not_survive_is_refused(statement: str, rule: str) -> None:
    assert rule in complaints(statement)


def test_an_addition_passes() -> None:
    assert complaints("ALTER TABLE tasks ADD COLUMN colour text;") == ""


def steps() -> list[tuple[str, bool, str]]:
    """Name, whether it runs after the deploy, and SQL of every step."""
    folder = run.FOLDER
    found = []
    for path in sorted((folder / "versions").glob("0*.py")):
        is_late = "(`post`)" in path.read_text(encoding="utf-8").split('"""')[1]
        found.append((path.stem, is_late, (folder / "sql" / f"{path.stem}.up.sql").read_text(encoding="utf-8")))
    return found


def offences(name: str, is_late: bool, sql: str) -> list[str]:
    """What is wrong with a step's saying when it runs."""
    excepted = {rule.strip() for line in EXCEPTION.findall(sql) for rule in line.split(",")}
    floors = FLOOR.findall(sql)
    if not is_late:
        wrong = sorted(excepted & TAKES_AWAY)
        return [f"{name} takes something away before the deploy: {wrong}"] * bool(wrong)
    if not floors or floors[-1] > name[:4]:
        return [f"{name} takes something away and does not say which releases can use what is left"]
    return []


def test_only_steps_after_a_deploy_take_away_and_they_say_who_can_use_what_is_left() -> None:
    assert [offence for step in steps() for offence in offences(*step)] == []


def test_such_a_step_would_be_found() -> None:
    drop = "-- squawk-ignore ban-drop-column\nALTER TABLE tasks DROP COLUMN colour;"
    floor = "UPDATE schema_floor SET step = '0007';"
    assert complaints(drop) == ""
    assert offences("0007_colour", False, drop)
    assert offences("0007_colour", True, drop)
    assert offences("0006_colour", True, f"{drop}\n-- statement\n{floor}")
    assert not offences("0007_colour", True, f"{drop}\n-- statement\n{floor}")
