"""`task-api cache`: forget what is kept, for the night in which somebody does not believe it."""

import typer

from taskapi.cli.rooms import with_rooms
from taskapi.cli.servers import resolved_settings
from taskapi.resources import Resources

app = typer.Typer(no_args_is_help=True, help="What is kept in Redis and in the processes.")


@app.callback()
def cache() -> None:
    """Stand before the commands, of which there may be more."""


@app.command()
def clear() -> None:
    """Forget every kept answer and every copy of a session, in all processes. Nobody is logged out."""

    async def work(rooms: Resources) -> None:
        await rooms.gate.clear()

    with resolved_settings() as settings:
        with_rooms(settings, work)
    typer.echo("Everything that was kept is forgotten.")
