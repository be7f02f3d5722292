"""What may not stand in tracked files: addresses in locks, somebody's own folders, bare reminders."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.shape.source import ROOT, modules, text_of, tracked_files

LOCKS = ("requirements.lock", "requirements-otel.lock", "requirements-dev.lock")
EVERY_LOCK = (*LOCKS, "requirements-checkov.lock")
REMINDER = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\([^)]+\): \S)")
SOMEONES_FOLDER = re.compile(r"/(?:home|Users)/[a-z]\w*/")


def own_folders() -> list[str]:
    """Return the paths of this checkout and of whoever runs the tests, if long enough to mean just them."""
    return [f"{folder}/" for folder in (ROOT, Path.home()) if len(folder.parts) > 2]


@pytest.mark.parametrize("name", EVERY_LOCK)
def test_a_lock_names_no_address(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if "://" in line]
    assert not lines, f"compile with --no-emit-index-url: {lines[:3]}"


@pytest.mark.parametrize("name", EVERY_LOCK)
def test_a_lock_pins_everything_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = [block for block in re.split(r"\n(?=\w)", text) if "==" in block.partition("\n")[0]]
    bare = [block.partition("\n")[0] for block in pins if "--hash=sha256:" not in block]
    assert pins
    assert not bare, f"without a hash: {bare}"


def test_the_locks_agree_with_each_other() -> None:
    runtime, traced, development = (
        dict(re.findall(r"^([\w.\[\]-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in LOCKS
    )
    smaller = ((runtime, traced), (traced, development))
    differing = {name for small, large in smaller for name, pin in small.items() if large.get(name) != pin}
    assert not differing, f"what is tested is not what runs; run: make lock ({sorted(differing)})"


def test_no_tracked_file_names_a_folder_of_somebodys_machine() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if (text := text_of(path))
        if SOMEONES_FOLDER.search(text) or any(folder in text for folder in own_folders())
    ]
    assert not found, f"these name a folder of one machine: {found}"


def test_a_reminder_says_who_and_why() -> None:
    bare = [
        f"{module.name}:{token.start[0]} {token.string}"
        for folder in (ROOT / "src", ROOT / "tests")
        for module in modules(folder)
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline)
        if token.type == tokenize.COMMENT and REMINDER.search(token.string)
    ]
    assert not bare, f"write it as «mark(whom to ask): why», or do it: {bare}"
