"""A small disk of its own for a server's data, and something that fills it to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = b"x" * 4096


class Volume:
    """A folder that is such a disk, unless there is a `refusal`: then it is one like any other."""

    def __init__(self, folder: Path, refusal: str) -> None:
        self.folder = folder
        self.refusal = refusal
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room."""
        assert not self.refusal
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while os.write(ballast.fileno(), CHUNK):
                pass

    def free(self) -> None:
        """Take away what filled it."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def volume(folder: Path, megabytes: int) -> Iterator[Volume]:
    """Mount a disk of memory if that is allowed."""
    folder.mkdir(mode=0o755)
    if os.geteuid() != 0:
        yield Volume(folder, "only root can mount the small disk that is to become full")
        return
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        yield Volume(folder, f"the small disk that is to become full cannot be mounted: {mounted.stderr.strip()}")
        return
    try:
        yield Volume(folder, "")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
