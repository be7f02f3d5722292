"""Whoever asks a server is neither led elsewhere by somebody else's folder nor held up by an answer without an end."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskapi.kit import inspection
from tests.kit.listener import listening

PORT = 3999
QUESTION = {"ask": "debug"}
SECONDS = 0.5


@pytest.fixture
def path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A socket as a server makes it, in the folder for temporary files, while root asks."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    made = inspection.make_folder(PORT) / "7.socket"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(made))
        yield made


def moved(path: Path) -> Path:
    """Move something away, leave a link to it, and return its new place."""
    return path.rename(path.with_name("elsewhere"))


def leave_a_link(path: Path) -> None:
    """Put a link in a thing's place."""
    path.symlink_to(moved(path))


def leave_a_file(path: Path) -> None:
    """Put a file in a thing's place."""
    path.unlink()
    path.touch()


WRONG: list[Callable[[Path], object]] = [
    lambda path: path.parent.chmod(0o710),
    lambda path: path.parent.parent.chmod(0o701),
    lambda path: path.parent.parent.rename(path.parent.parent.with_name(f"task-api-{os.getuid() + 1}")),
    lambda path: path.parent.parent.rename(path.parent.parent.with_name("task-api-")),
    lambda path: leave_a_link(path.parent.parent),
    lambda path: path.rename(path.with_name("\u00b2.socket")),
    leave_a_link,
    leave_a_file,
]


@pytest.mark.parametrize("spoil", WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_only_a_socket_in_a_folder_that_is_its_owners_alone_is_asked(path: Path, spoil: Callable[[Path], None]) -> None:
    assert inspection.sockets_of(PORT) == [path]
    spoil(path)
    assert inspection.sockets_of(PORT) == []


def test_a_link_to_a_folder_of_sockets_is_not_followed(path: Path) -> None:
    path.parent.with_name(f"{PORT}-2").symlink_to(path.parent)
    assert inspection.sockets_of(PORT) == [path]


@pytest.mark.parametrize("place", ["XDG_RUNTIME_DIR", "the folder for temporary files", "that of users"])
def test_a_server_is_found_wherever_it_was_started(place: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, users = folder / "runtime", folder / "users"
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(inspection, "OF_USERS", users)
    started_with = {"XDG_RUNTIME_DIR": runtime, "that of users": users / str(os.geteuid())}.get(place)
    if started_with is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    else:
        started_with.mkdir(parents=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(started_with))
    path = inspection.make_folder(PORT) / "7.socket"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert inspection.sockets_of(PORT) == [path]


def test_an_answer_that_trickles_is_given_up_in_time(folder: Path) -> None:
    given_up = threading.Event()

    def trickle() -> Iterator[bytes]:
        for _ in range(40):
            given_up.wait(SECONDS / 5)
            yield b" "

    with listening(folder / "a", trickle()):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            inspection.ask(folder / "a", QUESTION, SECONDS)
        assert time.monotonic() - began < SECONDS * 4
        given_up.set()


def test_an_answer_without_an_end_is_given_up_before_it_fills_the_memory(folder: Path) -> None:
    part = b" " * (1 << 20)
    endless = [part] * (inspection.LONGEST_ANSWER // len(part) + 1)
    with listening(folder / "a", endless), pytest.raises(OSError, match="the answer has more than"):
        inspection.ask(folder / "a", QUESTION, 30)


def test_a_long_answer_is_whole(folder: Path) -> None:
    part = b" " * (1 << 20)
    with listening(folder / "a", [part] * (inspection.LONGEST_ANSWER // len(part))):
        assert len(inspection.ask(folder / "a", QUESTION, 30)) == inspection.LONGEST_ANSWER
