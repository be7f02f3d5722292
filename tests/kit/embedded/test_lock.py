import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskapi.kit.embedded import lock
from taskapi.kit.embedded.failures import StartFailed


@contextmanager
def inherited(descriptor: int) -> Iterator[None]:
    """A process that holds the lock as well, as the guardian does, until the block ends."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(descriptor,)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.stdin.close()


def test_a_second_instance_is_told_which_process_was_first(folder: Path) -> None:
    held = lock.acquire(folder / "lock")
    with pytest.raises(StartFailed, match=rf"process {os.getpid()}\) uses {folder}; stop it"):
        lock.acquire(folder / "lock")
    lock.release(held)


def test_after_the_release_the_folder_is_free(folder: Path) -> None:
    assert not lock.is_held(folder / "lock")
    held = lock.acquire(folder / "lock")
    assert lock.is_held(folder / "lock")
    lock.release(held)
    assert not lock.is_held(folder / "lock")
    lock.release(lock.acquire(folder / "lock"))


def test_the_servers_of_a_dead_instance_are_waited_for(folder: Path) -> None:
    held = lock.acquire(folder / "lock")
    with inherited(held):
        lock.release(held)
        assert lock.is_held(folder / "lock"), "free while its guardian is there"
    lock.release(lock.acquire(folder / "lock"))


def test_a_command_is_waited_for(folder: Path) -> None:
    held = lock.acquire(folder / "lock", lock.Holder.COMMAND)
    releasing = threading.Timer(0.2, lock.release, [held])
    releasing.start()
    lock.release(lock.acquire(folder / "lock"))
    releasing.join()


def test_but_not_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RELEASE_SECONDS", 0.2)
    held = lock.acquire(folder / "lock")
    with inherited(held):
        lock.release(held)
        with pytest.raises(StartFailed, match="the servers of an instance that has ended"):
            lock.acquire(folder / "lock")


def test_a_number_that_a_crash_left_behind_does_not_matter(folder: Path) -> None:
    (folder / "lock").write_text(str(os.getppid()))
    lock.release(lock.acquire(folder / "lock"))
