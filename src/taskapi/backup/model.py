"""What a backup is, and why one cannot be used."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from taskapi.errors import Conflict, Invalid

FORMAT = 1
Count = Annotated[int, Meta(ge=0)]


class Contents(Struct, frozen=True, forbid_unknown_fields=True):
    """What one table holds: as many rows, bytes of PostgreSQL's COPY text, and their SHA-256."""

    rows: Count
    bytes: Count
    sha256: str


class SavedTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of a backup."""

    name: str
    columns: tuple[str, ...]
    contents: Contents


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself."""

    format: int
    release: str
    """Of the program that made it; for people."""

    step: str
    """Where the schema stood."""

    taken_at: datetime
    """The moment that it shows, by the database's clock."""

    server: str
    tables: tuple[SavedTable, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.contents.rows for table in self.tables)


class Tally:
    """Counts and digests what passes: in COPY's text a line break ends a row and stands nowhere else."""

    def __init__(self) -> None:
        self._rows = self._bytes = 0
        self._digest = sha256()

    def add(self, piece: bytes) -> int:
        """Take in a piece and return how many rows end in it."""
        rows = piece.count(b"\n")
        self._rows += rows
        self._bytes += len(piece)
        self._digest.update(piece)
        return rows

    @property
    def contents(self) -> Contents:
        """What passed so far."""
        return Contents(self._rows, self._bytes, self._digest.hexdigest())


class Progress(Protocol):
    """Is told how far the work is."""

    def begin(self, table: str, rows: int | None) -> None:
        """Be told that a table comes, and of about how many rows if that is known."""

    def advance(self, rows: int) -> None:
        """Be told that so many more rows are through."""


class BackupDamaged(Invalid):
    """This is no whole backup."""


class BackupTooNew(Invalid):
    """A newer release made this backup."""


class TargetFilled(Conflict):
    """The database to restore into is not empty; to replace all that it holds, say --replace."""


class TargetTooNew(Conflict):
    """A newer release changed this database."""


class RestoreDiffers(Conflict):
    """What the database stored is not what the backup holds; nothing was changed."""


class SchemaMoved(Conflict):
    """The database's schema changed at this moment; try again."""
