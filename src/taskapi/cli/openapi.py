"""`task-api openapi`: print the OpenAPI document."""

import msgspec
import typer

from taskapi.app import api_document


def openapi() -> None:
    """Print the OpenAPI 3.1 document of the API as JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(api_document()), indent=2).decode())
