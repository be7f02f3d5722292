"""The answer to `OPTIONS`: which methods an address takes, told to everybody.

The framework makes that answer when it sees an address's first handler and then never hears of the others.
"""

from collections.abc import Callable, Sequence

from litestar import Litestar, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Scope

from taskapi.http.authentication import PUBLIC
from taskapi.http.policy import LIMITS, LimitClass

ONLY_OPTIONS = frozenset({HttpMethod.OPTIONS})


def tell_all_methods(app: Litestar) -> Litestar:
    """Correct the answer of every address and return the application."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in filter(_is_made_by_the_framework, route.route_handlers):
                handler(_answer(sorted(route.methods)))
                handler.opt |= {PUBLIC: True, LIMITS: (LimitClass.NONE,)}
    return app


def _is_made_by_the_framework(handler: HTTPRouteHandler) -> bool:
    return handler.http_methods == ONLY_OPTIONS


def _answer(methods: Sequence[str]) -> Callable[[Scope], Response[None]]:
    allowed = ", ".join(methods)

    def options_handler(scope: Scope) -> Response[None]:  # noqa: ARG001 - the framework passes it by this name
        return Response(None, status_code=204, headers={"Allow": allowed})

    return options_handler
