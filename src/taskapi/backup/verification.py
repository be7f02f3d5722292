"""Reads a backup to its end before anybody relies on it."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from taskapi.backup.archive import opened_archive
from taskapi.backup.model import BackupTooNew, Manifest, Progress
from taskapi.migrations import run


def verify(path: Path, progress: Progress) -> Manifest:
    """Return the manifest if every row that it names is there, unchanged, and this release knows the schema."""
    return deque(reading(path, progress), maxlen=1).pop()


def reading(path: Path, progress: Progress) -> Iterator[Manifest]:
    """Verify piece by piece, for whoever has to do something else in between; yields the manifest after each."""
    with opened_archive(path) as archive:
        _check_step(archive.manifest)
        for table in archive.manifest.tables:
            progress.begin(table.name, table.contents.rows)
            for _ in archive.pieces(table, progress.advance):
                yield archive.manifest
        yield archive.manifest


def _check_step(manifest: Manifest) -> None:
    if manifest.step not in run.steps():
        raise BackupTooNew(
            f"Release {manifest.release} made this backup, at step {manifest.step} of the schema, which this release "
            "does not know; restore it with that release."
        )
