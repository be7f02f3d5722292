"""The command line's table of contents."""

from importlib.metadata import version
from typing import Annotated

import typer

from taskapi.cli import (
    backup,
    cache,
    debug,
    doctor,
    log_level,
    migrate,
    openapi,
    restore,
    seed,
    serve,
    users,
    worker,
)

app = typer.Typer(
    name="task-api",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A self-hosted task management API. `task-api serve` starts everything it needs.",
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(worker.worker)
app.add_typer(migrate.app, name="migrate")
app.add_typer(users.app, name="users")
app.add_typer(cache.app, name="cache")
app.command()(backup.backup)
app.command()(restore.restore)
app.command()(seed.seed)
app.command()(doctor.doctor)
app.command()(log_level.log_level)
app.command()(debug.debug)
app.command()(openapi.openapi)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"task-api {version('task-api')}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before any command."""


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
