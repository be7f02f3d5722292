"""`task-api users`: accounts from the command line, for the first administrator and for a bad night."""

import secrets
import sys
from typing import Annotated

import typer

from taskapi.auth.registration import create_user
from taskapi.cli.rooms import with_rooms
from taskapi.cli.servers import resolved_settings
from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.resources import Resources

app = typer.Typer(no_args_is_help=True, help="Accounts from the command line.")


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="E-mail address, the name to log in with.")],
    name: Annotated[str, typer.Option(help="Name that others see; the e-mail address if left out.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="Make an administrator.")] = False,
) -> None:
    """Create an account. The password is read from standard input, or made and printed on a terminal."""
    password = _password()
    role = Role.ADMIN if admin else Role.USER

    async def work(rooms: Resources) -> Person:
        return await create_user(rooms, email=email, name=name or email, password=password, role=role)

    with resolved_settings() as settings:
        person = with_rooms(settings, work)
    typer.echo(f"{person.role} {person.email} has id {person.id}")
    if sys.stdin.isatty():
        typer.echo(f"password: {password}")


def _password() -> str:
    """Read the password from a pipe, so that it stands in no process list and no shell history."""
    if sys.stdin.isatty():
        return secrets.token_urlsafe(15)
    return sys.stdin.readline().rstrip("\n")
