"""The file: a ZIP with `tables/<name>.copy` for each table and `manifest.json`, which is written last.

It is written under a passing name and gets its own only when every byte of it is on the disk. Nothing of it is ever in
memory but the piece that is under way.
"""

import errno
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import msgspec

from taskapi.backup.model import FORMAT, BackupDamaged, BackupTooNew, Manifest, SavedTable, Tally
from taskapi.backup.tables import SAVED

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 1 << 20
PIECE = 256 * 1024
LEVEL = 4
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BROKEN = (
    BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
"""What reading raises if a ZIP is none, or not any more."""


class Format(msgspec.Struct):
    """The part of a manifest that every format has."""

    format: int
    release: str


class NewArchive:
    """A backup that is being written."""

    def __init__(self, archive: ZipFile) -> None:
        self._zip = archive

    @contextmanager
    def table(self, name: str) -> Iterator[Callable[[bytes], object]]:
        """Give what takes the pieces of one table."""
        with self._zip.open(f"tables/{name}.copy", "w", force_zip64=True) as member:
            yield member.write

    def finish(self, manifest: Manifest) -> None:
        """Write what the backup says of itself."""
        self._zip.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))


@contextmanager
def new_archive(path: Path) -> Iterator[NewArchive]:
    """Write a backup, which is at `path` when the block has ended well and nowhere else; raises OSError."""
    _refuse_to_overwrite(path)
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)  # mode 0600
    try:
        with open(number, "wb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=LEVEL) as archive:
                yield NewArchive(archive)
            file.flush()
            os.fsync(file.fileno())
        _refuse_to_overwrite(path)
        os.rename(name, path)
    except BaseException as error:
        os.unlink(name)
        if isinstance(error, OSError) and error.errno in FULL:
            raise OSError(f"There is no room for the backup at {path}: {error.strerror}.") from error
        raise
    _sync_folder(path.parent)


class Archive:
    """A backup that is read."""

    def __init__(self, archive: ZipFile, manifest: Manifest) -> None:
        self.manifest = manifest
        self._zip = archive

    def pieces(self, table: SavedTable, count: Callable[[int], object]) -> Iterator[bytes]:
        """Yield what a table held; raises BackupDamaged before the last piece of what is not what it was."""
        tally = Tally()
        for piece in self._pieces(table.name):
            count(tally.add(piece))
            yield piece
        if tally.contents != table.contents:
            raise BackupDamaged(f"The backup is damaged: table {table.name} is not what was saved.")

    def _pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._zip.open(f"tables/{name}.copy") as member:
                while piece := member.read(PIECE):
                    yield piece
        except BROKEN as error:
            raise BackupDamaged(f"The backup is damaged: table {name} cannot be read ({error}).") from error


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """Open a backup; raises OSError, or what is wrong with it."""
    with open(path, "rb") as file, _zip(file) as archive:
        yield Archive(archive, _manifest(archive))


def _zip(file: BinaryIO) -> ZipFile:
    try:
        return ZipFile(file)
    except BROKEN as error:
        raise BackupDamaged(f"This is no backup, or only a part of one ({error}).") from error


def _manifest(archive: ZipFile) -> Manifest:
    try:
        with archive.open(MANIFEST) as member:
            text = member.read(LARGEST_MANIFEST)
        known = msgspec.json.decode(text, type=Format)
        if known.format > FORMAT:
            raise BackupTooNew(f"Release {known.release} made this backup in a format that this release cannot read.")
        manifest = msgspec.json.decode(text, type=Manifest)
    except (*BROKEN, msgspec.DecodeError) as error:
        raise BackupDamaged(f"The backup's manifest cannot be read ({error}).") from error
    if not {table.name for table in manifest.tables} <= set(SAVED):
        raise BackupDamaged("The backup names tables that no backup holds.")
    return manifest


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path} is there already; a backup overwrites nothing.")


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
