"""`task-api restore`: put a backup into the database, or only look whether it is whole."""

from pathlib import Path
from typing import Annotated

import typer

from taskapi.backup.archive import opened_archive
from taskapi.backup.model import Manifest
from taskapi.backup.restoration import Wishes, restore_archive
from taskapi.backup.verification import verify
from taskapi.cli.progress import shown
from taskapi.cli.rooms import explained
from taskapi.cli.servers import database_url
from taskapi.cli.stoppable import run_stoppable
from taskapi.migrations import run


def restore(
    path: Annotated[Path, typer.Argument(help="The backup.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Give up everything that the database holds; without, it must be empty.")
    ] = False,
    keep_sessions: Annotated[
        bool,
        typer.Option("--keep-sessions", help="Do not log everybody out; sessions that have ended since live again."),
    ] = False,
    verify_only: Annotated[
        bool, typer.Option("--verify-only", help="Read the backup to its end and say whether it is whole; no database.")
    ] = False,
) -> None:
    """Put a backup into the database, all of it or nothing, then bring the schema up to date."""
    with explained():
        manifest = _verified(path)
        if verify_only:
            return
        with database_url() as url:
            with opened_archive(path) as archive, shown("Restoring") as progress:
                run_stoppable(restore_archive(url, archive, Wishes(replace, keep_sessions), progress))
            run.upgrade_if_behind(url)
    told = "sessions are as they were" if keep_sessions else "everybody has to log in again"
    typer.echo(f"The database is as it was at {_moment(manifest)}; {told}.")


def _verified(path: Path) -> Manifest:
    with shown("Checking") as progress:
        manifest = verify(path, progress)
    typer.echo(f"{path} is whole: {manifest.rows:,} rows as of {_moment(manifest)}, made by release {manifest.release}")
    return manifest


def _moment(manifest: Manifest) -> str:
    return f"{manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC"
