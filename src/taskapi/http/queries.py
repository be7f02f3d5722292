"""Query parameters that a route does not know, or knows but once, or that are no text or number: refused.

An ignored parameter is a wrong answer, and so is one whose bytes were replaced or that was read as a number with
some good will (`1e1`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.constants import RESERVED_KWARGS
from litestar.enums import ParamType
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg, QueryParameter
from litestar.typing import FieldDefinition

from taskapi.errors import Invalid, Violation

NUMBER = re.compile(r"-?[0-9]+")
ANY_QUERY = "any_query"
"""The name under which a route declares that it takes any query and looks at none."""


async def refuse_unknown_queries(request: Request[Any, Any, Any]) -> None:
    """Raise Invalid for every query parameter that the handler has no use for; a hook that runs before it."""
    query = request.scope["query_string"]
    if not query or request.scope["route_handler"].opt.get(ANY_QUERY):
        return
    if not _is_text(query):
        raise Invalid(
            "The query is not valid.", violations=(Violation("", "Expected UTF-8, percent-encoded", "query"),)
        )
    handler, path_parameters = request.scope["route_handler"], frozenset(request.scope["path_params"])
    given = list(request.query_params.multi_items())
    violations = tuple(_violations(given, query_parameters(handler, path_parameters)))
    if violations:
        raise Invalid("The query is not valid.", violations=violations)


def _is_text(query: bytes) -> bool:
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True


def _violations(given: Sequence[tuple[str, str]], known: Mapping[str, FieldDefinition]) -> Iterator[Violation]:
    for name, times in Counter(name for name, _ in given).items():
        if name not in known:
            yield Violation(name, "There is no such parameter", "query")
        elif times > 1 and not known[name].is_non_string_sequence:
            yield Violation(name, "This parameter may be given once", "query")
    for name, value in given:
        if name in known and known[name].annotation is int and not NUMBER.fullmatch(value):
            yield Violation(name, "Expected a whole number", "query")


@lru_cache(maxsize=1024)
def query_parameters(handler: HTTPRouteHandler, path_parameters: frozenset[str]) -> Mapping[str, FieldDefinition]:
    """Return a handler's query parameters by their names; one that is a list may be repeated."""
    found = {}
    others = RESERVED_KWARGS | path_parameters | handler.resolve_dependencies().keys()
    for name, field in handler.parsed_fn_signature.parameters.items():
        declared = field.kwarg_definition if isinstance(field.kwarg_definition, ParameterKwarg) else QueryParameter()
        if name not in others and declared.param_type is ParamType.QUERY:
            found[declared.name or name] = field
    return found
