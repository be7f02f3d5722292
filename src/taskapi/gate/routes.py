"""Which route a request is for, as the router will see it, found without it where that is sure.

Static paths are looked up, and a path that ends in an identifier in its usual spelling is taken apart. Everything else
– another spelling, a slash too many, a path that does not exist – is asked of the router's own table, so that there is
never a second opinion about what a path means.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import HTTPScope
from litestar.utils import normalize_path

from taskapi.gate.queries import Names, parameters_of
from taskapi.http.authentication import PUBLIC
from taskapi.http.policy import CACHE, LIMITS, CachePolicy, LimitClass
from taskapi.kit.remembered import Remembered

USUAL_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
USER, TASK, QUERY = "{userId}", "{taskId}", "{query}"
"""What stands in the keys and fields of cache policies."""


class Route:
    """What the gate has to know of one operation."""

    __slots__ = ("_field", "_key", "_names", "cache", "classes", "public", "status", "template")

    def __init__(self, template: str, handler: HTTPRouteHandler, path_parameters: frozenset[str]) -> None:
        self.template = template
        self.status = handler.status_code
        self.public = bool(handler.opt.get(PUBLIC))
        self.classes: tuple[LimitClass, ...] = tuple(handler.opt.get(LIMITS, ()))
        self.cache: CachePolicy | None = handler.opt.get(CACHE)
        self._key = _form(self.cache.key if self.cache else "")
        self._field = _form(self.cache.field if self.cache else "")
        self._names = Names(parameters_of(handler, path_parameters) if self.cache else {})

    def body_key(self, user: str, item: str, query: bytes) -> str | None:
        """Return where the answer is kept; None if the query is none that the route takes."""
        name = self._names.of(query)
        return None if name is None else self._key % {"userId": user, "taskId": item, "query": name}

    def field(self, item: str) -> str:
        """Return the version field that the answer depends on."""
        return self._field % {"taskId": item}


Found = tuple[Route, str]
"""A route, and the identifier in its path; empty if it has none."""


MOST_PATHS = 8_192
"""Paths with an identifier that were asked for last."""


class Routes:
    """The routes of an application."""

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._routes = dict(_routes(app))
        self._static: Mapping[tuple[str, str], Found] = {
            (method, template): (route, "") for (method, template), route in self._routes.items() if "{" not in template
        }
        self._paths: Remembered[tuple[str, str], Found] = Remembered(MOST_PATHS)
        self._items = {
            (method, template.rpartition("/")[0]): route
            for (method, template), route in self._routes.items()
            if template.endswith("}") and template.count("{") == 1
        }

    def operations(self) -> Iterator[tuple[str, str, int]]:
        """Yield method, template and usual status of each operation."""
        yield from ((method, template, route.status) for (method, template), route in self._routes.items())

    def find(self, scope: HTTPScope) -> Found | None:
        """Return what the router would find; None if it would refuse."""
        if scope.get("root_path"):
            return self._asked(scope)
        address = (scope["method"], scope["path"])
        found = self._static.get(address) or self._paths.find(address)
        return self._taken_apart(scope, *address) if found is None else found

    def _taken_apart(self, scope: HTTPScope, method: str, path: str) -> Found | None:
        parent, _, item = path.rpartition("/")
        route = self._items.get((method, parent))
        if route is None or not USUAL_UUID.fullmatch(item):
            return self._asked(scope)
        found = (route, item)
        self._paths.keep((method, path), found)
        return found

    def _asked(self, scope: HTTPScope) -> Found | None:
        path = scope["path"]
        if root := scope.get("root_path"):
            path = path.split(root, maxsplit=1)[-1]
        try:
            found = self._app.asgi_router.handle_routing(path=normalize_path(path), method=scope["method"])
        except HTTPException:
            return None
        _, _, _, parameters, template = found
        route = self._routes.get((scope["method"], template))
        return None if route is None else (route, _item(parameters))


def _form(pattern: str) -> str:
    """Return a pattern as a format; the braces around the user's id are meant literally."""
    form = pattern.replace("%", "%%").replace(USER, "{%(userId)s}")
    return form.replace(TASK, "%(taskId)s").replace(QUERY, "%(query)s")


def _item(parameters: Mapping[str, Any]) -> str:
    values = list(parameters.values())
    return str(values[0]) if len(values) == 1 and isinstance(values[0], UUID) else ""


def _routes(app: Litestar) -> Iterator[tuple[tuple[str, str], Route]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            names = frozenset(route.path_parameters)
            for handler in route.route_handlers:
                made = Route(route.path_format, handler, names)
                yield from (((method, route.path_format), made) for method in handler.http_methods)
