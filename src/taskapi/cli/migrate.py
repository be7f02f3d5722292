"""`task-api migrate`: move the database between versions of its schema."""

from typing import Annotated

import typer

from taskapi.cli.rooms import explained
from taskapi.cli.servers import database_url
from taskapi.migrations import run

app = typer.Typer(no_args_is_help=True, help="Move the database between versions of its schema.")


@app.command()
def up(
    revision: Annotated[
        str | None, typer.Argument(help="Step to go up to; `head`: all, once no older release runs.")
    ] = None,
) -> None:
    """Apply the steps that this release needs. Safe when several instances do it at once and older releases serve."""
    with database_url() as url:
        _report(run.upgrade(url, revision) if revision else run.prepare(url))


@app.command()
def down(
    revision: Annotated[str, typer.Argument(help="Step to go down to; `base` removes everything.")] = "-1",
) -> None:
    """Take the last step back. Data that only newer steps know is lost."""
    with database_url() as url:
        _report(run.downgrade(url, revision))


@app.command()
def status() -> None:
    """Say where the database stands; exit code 1 if this release cannot use it."""
    with database_url() as url:
        found = run.status(url)
    _report(found)
    raise typer.Exit(0 if found.is_usable else 1)


@app.command()
def sql(
    start: Annotated[str, typer.Argument(help="Step before the first one to print.")] = "base",
    end: Annotated[str, typer.Argument(help="Last step to print.")] = "head",
) -> None:
    """Print the steps as SQL, without a database."""
    with explained():
        typer.echo(run.sql(start, end))


def _report(found: run.Status) -> None:
    typer.echo(str(found))
