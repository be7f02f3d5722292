"""Deny by default: every route wants a caller whose session is alive, unless it declares itself public."""

from typing import Any, Protocol, cast

from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from taskapi.contracts.identity import Principal
from taskapi.errors import Unauthenticated

PUBLIC = "public"
"""The name under which a route declares that it needs no caller."""


class Authenticator(Protocol):
    """Turns a bearer token into a caller."""

    async def __call__(self, token: str) -> Principal:
        """Return the caller; raises Unauthenticated."""
        ...


class Authentication(ASGIMiddleware):
    """Puts the caller into the request, or refuses it."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = PUBLIC

    def __init__(self, authenticate: Authenticator) -> None:
        self._authenticate = authenticate

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Run the rest with a caller."""
        scope["user"] = await self._authenticate(_bearer(scope))
        await next_app(scope, receive, send)


async def provide_caller(request: Request[Any, Any, Any]) -> Principal:
    """Give a handler its caller."""
    return cast(Principal, request.scope["user"])


def _bearer(scope: Scope) -> str:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        raise Unauthenticated
    kind, _, token = values[0].decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()
