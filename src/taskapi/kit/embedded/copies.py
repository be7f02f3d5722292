"""Copies a wheel's programs to where the servers' user can run them.

Needed when root runs the program from an environment in a folder that only root may enter. A copy is made
once per version of the wheel, appears complete or not at all, and takes the place of older ones.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = ".unfinished"
UNNEEDED = ("include", "__pycache__", "*.py", "*.a")


def copied(executable: Path, package: Path, folder: Path, name: str) -> Path:
    """Return the executable's place in the copy of `package` at `folder/name`, which everybody may read and run."""
    target = folder / name
    if not target.exists():
        folder.mkdir(exist_ok=True)
        unfinished = folder / f"{name}{UNFINISHED}"
        shutil.rmtree(unfinished, ignore_errors=True)
        for source in (package, *_libraries(package)):
            shutil.copytree(source, unfinished / source.name, ignore=shutil.ignore_patterns(*UNNEEDED))
        _open_to_all(unfinished)
        os.sync()  # a name that survives a power failure must stand for files that do
        unfinished.rename(target)
        for other in folder.glob(f"{package.name}-*"):
            if other != target:
                shutil.rmtree(other, ignore_errors=True)
    folder.chmod(0o755)
    return target / package.name / executable.relative_to(package)


def _libraries(package: Path) -> Iterator[Path]:
    """Shared libraries that the wheel's builder put beside the package; the programs look for them there."""
    beside = package.with_name(f"{package.name}.libs")
    if beside.is_dir():
        yield beside


def _open_to_all(root: Path) -> None:
    root.chmod(0o755)
    for folder, folders, files in os.walk(root):
        for entry in (Path(folder, name) for name in (*folders, *files)):
            if not entry.is_symlink():
                entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o644)
