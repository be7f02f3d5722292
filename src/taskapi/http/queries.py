"""Query parameters that a route does not know, or knows but once: refused, because an ignored one is a wrong answer."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from litestar import Request
from litestar.constants import RESERVED_KWARGS
from litestar.enums import ParamType
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg, QueryParameter
from litestar.typing import FieldDefinition

from taskapi.errors import Invalid, Violation


async def refuse_unknown_queries(request: Request[Any, Any, Any]) -> None:
    """Raise Invalid for every query parameter that the handler has no use for; a hook that runs before it."""
    if not request.scope["query_string"]:
        return
    handler, path_parameters = request.scope["route_handler"], frozenset(request.scope["path_params"])
    known = query_parameters(handler, path_parameters)
    given = Counter(name for name, _ in request.query_params.multi_items())
    violations = tuple(_violations(given, known))
    if violations:
        raise Invalid("The query is not valid.", violations=violations)


def _violations(given: Mapping[str, int], known: Mapping[str, FieldDefinition]) -> Iterator[Violation]:
    for name, times in given.items():
        if name not in known:
            yield Violation(name, "There is no such parameter", "query")
        elif times > 1 and not known[name].is_non_string_sequence:
            yield Violation(name, "This parameter may be given once", "query")


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
