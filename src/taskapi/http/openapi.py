"""The OpenAPI 3.1 document: what the framework derives from the handlers, completed with what holds everywhere.

Common errors, the Idempotency-Key and the headers of every answer are added here, once, so that no route can forget
them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from taskapi.http.authentication import PUBLIC
from taskapi.http.body import ApiRequest
from taskapi.http.conditional import LONGEST
from taskapi.http.examples import add_examples
from taskapi.http.policy import CACHE, LIMITS, LimitClass
from taskapi.http.problems import MEDIA_TYPE, Problem

PATH = "/api/openapi.json"
UNLIMITED = "/api/health"
UNKEYED = frozenset({"/api/auth/login"})
"""A repeated log-in starts another session and its answer is a secret, which is never stored."""

UNSAFE = frozenset({"post", "put", "patch", "delete"})
METHODS = UNSAFE | {"get"}
INJECTED = ("rooms", "addresses", "vitals", "caller")
"""What handlers get from the application; nobody sends it, so it is not in the document."""

COMMON = frozenset({422, 429, 503})
WITH_BODY_STATUSES = frozenset({413, 415})
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any unique text. The same key with the same request repeats the answer, not the effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
TAGS_SCHEMA = {"type": "string", "maxLength": LONGEST, "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'}
CONDITIONS = frozenset({"If-Match", "If-None-Match"})
ETAG_HEADER = {"description": "Names this version of the object.", "required": True, "schema": {"type": "string"}}
REQUEST_ID_HEADER = {"description": "Names this request in the logs.", "required": True, "schema": {"type": "string"}}
RETRY_HEADER = {
    "description": "Seconds after which another attempt makes sense.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
GENERIC = re.compile(rb"\b(Page)_[a-z_.]+\.(\w+)_\b")
"""How the framework names a generic schema, `Page_taskapi.tasks.model.Task_`; clients are to find a `TaskPage`."""

LIMIT_HEADERS = {
    "RateLimit-Policy": {
        "description": "What is allowed: for each limit its name, `q` requests, and the window of `w` seconds.",
        "schema": {"type": "string", "examples": ['"user";q=100;w=60']},
    },
    "RateLimit": {
        "description": "What is left: for each limit `r` requests at once, and `t` seconds until all of it is back.",
        "schema": {"type": "string", "examples": ['"user";r=97;t=2']},
    },
}
"""Absent where nothing is counted: the limit is switched off, or the caller is exempt from it."""

UNCOUNTED = frozenset({"401", "503"})
CACHE_HEADER = {
    "description": "Where the answer comes from.",
    "required": True,
    "schema": {"type": "string", "enum": ["hit-memory", "hit-redis", "miss", "bypass"]},
}
KEPT_STATUSES = frozenset({"200", "304", "404"})
DESCRIPTION = """\
A task management API: accounts, revocable sessions, tasks.

* Log in, then send `Authorization: Bearer <token>`.
* `PATCH` is a merge: absent = unchanged, `null` = cleared, an unknown field = 422.
* Reads of one object carry an `ETag`; send it back in `If-None-Match` (304) or `If-Match` (412).
* Every write takes an `Idempotency-Key`: repeating it repeats the answer, not the effect.
* Errors are problem documents (RFC 9457) with a stable `code`.
"""


def problems(*statuses: int) -> Mapping[int, ResponseSpec]:
    """Declare the problem documents that a route may answer besides the common ones."""
    return {
        status: ResponseSpec(
            Problem, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


def document(routers: Sequence[Router], version: str) -> dict[str, Any]:
    """Return the complete document of these routers' operations."""
    injected = {name: Provide(lambda: None, sync_to_thread=False) for name in INJECTED}
    app = Litestar(
        list(routers),
        dependencies=injected,
        openapi_config=_config(version),
        request_class=ApiRequest,
        logging_config=None,  # its default would take over the logs of the whole process
    )
    derived = msgspec.json.encode(app.openapi_schema.to_schema())
    found: dict[str, Any] = msgspec.json.decode(GENERIC.sub(rb"\2\1", derived))
    found["components"]["schemas"] |= _exact_schemas(app)
    public, kept = _operations_with(app, PUBLIC), _operations_with(app, CACHE)
    for path, method, operation in _operations(found):
        _complete(path, method, operation, public=operation["operationId"] in public)
        _complete_headers(path, operation, kept=operation["operationId"] in kept)
    add_examples(found)
    return found


def openapi_route(routers: Sequence[Router], version: str) -> HTTPRouteHandler:
    """Return the route that serves the document; it is made when it is first asked for."""
    made: list[bytes] = []

    @get(PATH, opt={PUBLIC: True, LIMITS: (LimitClass.NONE,)}, include_in_schema=False, sync_to_thread=False)
    def read_openapi() -> Response[bytes]:
        if not made:
            made.append(msgspec.json.encode(document(routers, version)))
        return Response(made[0], media_type="application/json")

    return read_openapi


def _config(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Task API",
        version=version,
        description=DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        tags=[Tag(name="auth"), Tag(name="tasks"), Tag(name="users"), Tag(name="health")],
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        use_handler_docstrings=True,
    )


def _handlers(app: Litestar) -> list[HTTPRouteHandler]:
    return [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]


def _operations_with(app: Litestar, option: str) -> frozenset[str]:
    return frozenset(str(handler.operation_id) for handler in _handlers(app) if handler.opt.get(option))


def _exact_schemas(app: Litestar) -> dict[str, Any]:
    """Return the bodies' schemas as the decoder itself states them: with patterns and closed to unknown fields."""
    bodies = {handler.parsed_data_field.annotation for handler in _handlers(app) if handler.parsed_data_field}
    _, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    return components


def _operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in found["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def _complete(path: str, method: str, operation: dict[str, Any], *, public: bool) -> None:
    responses = operation["responses"]
    responses.pop("400", None)
    if not path.startswith(UNLIMITED):
        common = COMMON | (set() if public else {401}) | (WITH_BODY_STATUSES if "requestBody" in operation else set())
        for status in common - {int(known) for known in responses}:
            responses[str(status)] = _problem_response(status)
    if method in UNSAFE and path not in UNKEYED:
        responses.setdefault("409", _problem_response(409))
    operation["security"] = [] if public else [{"bearer": []}]
    _complete_parameters(operation)
    if method in UNSAFE and path not in UNKEYED:
        operation.setdefault("parameters", []).append(KEY_PARAMETER)


def _complete_headers(path: str, operation: dict[str, Any], *, kept: bool) -> None:
    limited = not path.startswith(UNLIMITED)
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = REQUEST_ID_HEADER
        if status in {"429", "503"} and limited:
            headers["Retry-After"] = RETRY_HEADER
        if status not in UNCOUNTED and limited:
            headers |= LIMIT_HEADERS
        if status in KEPT_STATUSES and kept:
            headers["X-Cache"] = CACHE_HEADER | {"required": status != "404"}  # an address that no object has


def _complete_parameters(operation: dict[str, Any]) -> None:
    """State each parameter's type as it is sent, where there is no null, and what conditions lead to."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        for choice in schema.pop("oneOf", ()):
            parameter["schema"] = schema = (choice if choice != {"type": "null"} else {}) | schema
        if parameter["name"] in CONDITIONS:
            schema |= TAGS_SCHEMA
            for status, response in operation["responses"].items():
                response.setdefault("headers", {}).update({"ETag": ETAG_HEADER} if status in {"200", "201"} else {})
        if parameter["name"] == "If-None-Match":
            operation["responses"]["304"] = {"description": "Not Modified", "headers": {"ETag": ETAG_HEADER}}


def _problem_response(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": HTTPStatus(status).phrase, "content": content}
