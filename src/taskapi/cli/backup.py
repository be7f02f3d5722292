"""`task-api backup`: save one moment of the database in a file, while everybody goes on working."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from taskapi.backup.saving import save
from taskapi.cli.progress import shown
from taskapi.cli.servers import database_url
from taskapi.cli.stoppable import run_stoppable


def backup(
    path: Annotated[
        Path, typer.Argument(help="File to make, or folder to put a file into that is named for the moment.")
    ] = Path(),
) -> None:
    """Save one moment of the database in a file: whole, compressed, with checksums. Requests go on meanwhile."""
    with database_url() as url:
        file = path / f"task-api-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip" if path.is_dir() else path
        with shown("Saving") as progress:
            manifest = run_stoppable(save(url, file, progress))
        size = file.stat().st_size
    typer.echo(f"{file}: {manifest.rows:,} rows as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, {size:,} bytes")
