"""One name for all spellings of a query, so that what is kept for one is found by the others.

Values are taken apart as the router takes them apart. Left out are parameters whose value is their default; what may be
repeated is sorted, because no list depends on the order in which its filters are given. Two queries that could be
answered differently never have one name. Whatever the route does not take – an unknown parameter, one given twice –
has no name at all: the router refuses it, and nothing is kept.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qsl, quote_plus

import msgspec
from litestar.handlers import HTTPRouteHandler

from taskapi.http.queries import query_parameters

LONGEST_QUERY = 4096
"""Bytes; longer ones are answered without the cache."""

LONGEST_NAME = 80
"""Characters; longer names are replaced by their digest."""

ALL = "all"
"""The name of a query without parameters. Every other name holds `=` or begins with `~`."""


class Parameter(msgspec.Struct, frozen=True):
    """A query parameter of a route."""

    repeatable: bool
    default: str | None
    """The spelling that means the same as leaving it out; None if there is none."""


Parameters = Mapping[str, Parameter]


def parameters_of(handler: HTTPRouteHandler, path_parameters: frozenset[str]) -> Parameters:
    """Return the query parameters of a handler by their names."""
    fields = {}
    for name, field in query_parameters(handler, path_parameters).items():
        default = field.default if isinstance(field.default, str | int) else None
        fields[name] = Parameter(field.is_non_string_sequence, None if default is None else str(default))
    return fields


class Names:
    """Names the queries of one route, and remembers the names it gave."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._remembered = lru_cache(1024)(self._named)

    def of(self, query: bytes) -> str | None:
        """Return the query's name, at most LONGEST_NAME characters; None if the route does not take it."""
        if not query:
            return ALL
        return self._remembered(query) if len(query) <= LONGEST_QUERY else None

    def _named(self, query: bytes) -> str | None:
        given: dict[str, list[str]] = {}
        try:
            for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="strict"):
                given.setdefault(name, []).append(value)
        except UnicodeDecodeError:
            return None
        if not all(self._takes(name, values) for name, values in given.items()):
            return None
        pairs = [
            (name, value)
            for name, values in sorted(given.items())
            for value in sorted(values)
            if values != [self._parameters[name].default]
        ]
        return _shortened("&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)) or ALL

    def _takes(self, name: str, values: list[str]) -> bool:
        parameter = self._parameters.get(name)
        return parameter is not None and (parameter.repeatable or len(values) == 1)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else "~" + sha256(name.encode()).hexdigest()[:32]
