"""Deny by default: every route wants a caller whose session is alive, unless it declares itself public.

Who is calling was found out before the router was entered and stands in the request's scope. Where nobody stands there,
the request is refused, whatever the reason.
"""

from typing import Any, cast

from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from taskapi.contracts.identity import Principal
from taskapi.errors import Unauthenticated

PUBLIC = "public"
"""The name under which a route declares that it needs no caller."""

CALLER = "user"
"""Where the caller stands in the scope."""


class Authentication(ASGIMiddleware):
    """Refuses a request without a caller."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = PUBLIC

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Run the rest if there is a caller."""
        if not isinstance(scope.get(CALLER), Principal):
            raise Unauthenticated
        await next_app(scope, receive, send)


async def provide_caller(request: Request[Any, Any, Any]) -> Principal:
    """Give a handler its caller."""
    return cast(Principal, request.scope[CALLER])  # type: ignore[literal-required]


def bearer_token(authorization: bytes | None) -> str | None:
    """Return the token that the header `Authorization` carries, or None."""
    if authorization is None:
        return None
    kind, _, token = authorization.decode("latin-1").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None
