"""The OpenAPI document is valid, complete and true to the routes, so that clients can be generated from it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
import schemathesis
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from taskapi import services
from taskapi.app import api_document
from taskapi.http import health
from taskapi.http.authentication import PUBLIC
from taskapi.http.openapi import INJECTED
from taskapi.http.policy import LIMITS
from tests.people import Client

METHODS = ("get", "put", "post", "patch", "delete")
UNSAFE = {"put", "post", "patch", "delete"}


class Operation(NamedTuple):
    """One operation of the document."""

    method: str
    path: str
    data: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.method.upper()} {self.path}"


@cache
def document() -> dict[str, Any]:
    return api_document()


def operations() -> Iterator[Operation]:
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(method, path, item[method])


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside the document."""
    if "$ref" not in node:
        return node
    found: Any = document()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def references(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def handlers() -> Iterator[tuple[str, HTTPRouteHandler]]:
    """Every route that the program has, however it came to it."""
    injected = {name: Provide(lambda: None, sync_to_thread=False) for name in INJECTED}
    routers = [*services.routers(), *health.routers()]
    app = Litestar(routers, dependencies=injected, openapi_config=None, logging_config=None)
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if not handler.http_methods & {"OPTIONS", "HEAD"}:
                yield route.path_format, handler


OPERATIONS = list(operations())
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=repr)


def test_the_document_is_valid_openapi() -> None:
    assert document()["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document()).validate()


def test_every_schema_is_a_valid_schema_and_every_reference_leads_somewhere() -> None:
    for name, schema in document()["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert name
    for node in references(document()):
        assert resolved(node) is not None


def test_schemas_are_named_for_what_they_are() -> None:
    names = document()["components"]["schemas"]
    assert "TaskPage" in names
    assert all(re.fullmatch("[A-Za-z]+", name) for name in names)


def test_every_route_is_in_the_document_and_nothing_else() -> None:
    routed = {(method.lower(), path) for path, handler in handlers() for method in handler.http_methods}
    assert routed == {(operation.method, operation.path) for operation in OPERATIONS}


def test_operations_have_names_of_their_own() -> None:
    names = [operation.data["operationId"] for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+(?:[A-Z][a-z]*)*", name) for name in names), names


def test_every_operation_without_a_caller_is_meant_to_be() -> None:
    assert {repr(operation) for operation in OPERATIONS if operation.data["security"] == []} == {
        "POST /api/auth/register",
        "POST /api/auth/login",
        "GET /api/health",
        "GET /api/health/live",
        "GET /api/health/ready",
    }


def test_every_route_declares_what_it_counts_against() -> None:
    for path, handler in handlers():
        assert handler.opt.get(LIMITS), f"{handler.http_methods} {path} declares no limit class"
        assert handler.opt.get(PUBLIC) in {None, True}


@every_operation
def test_an_operation_says_what_it_is_for(operation: Operation) -> None:
    known = {tag["name"] for tag in document()["tags"]}
    assert operation.data["summary"]
    assert set(operation.data["tags"]) <= known
    assert operation.data["tags"]


@every_operation
def test_an_operation_says_who_may_call_it_and_what_it_answers_others(operation: Operation) -> None:
    responses = operation.data["responses"]
    assert operation.data["security"] in ([], [{"bearer": []}])
    assert ("401" in responses) >= bool(operation.data["security"])
    if not operation.path.startswith("/api/health"):
        assert {"422", "429", "503"} <= set(responses)
    if "requestBody" in operation.data:
        assert {"413", "415"} <= set(responses)
    if "{" in operation.path:
        assert "404" in responses


@every_operation
def test_an_answer_that_is_an_error_is_a_problem_document(operation: Operation) -> None:
    for status, response in operation.data["responses"].items():
        assert response["description"]
        assert "X-Request-Id" in response["headers"]
        if status in {"429", "503"} and not operation.path.startswith("/api/health"):
            assert "Retry-After" in response["headers"]
        if int(status) >= 400 and not operation.path.startswith("/api/health"):
            assert list(response["content"]) == ["application/problem+json"]
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}
        elif status in {"204", "304"}:
            assert "content" not in response
        elif int(status) < 300:
            assert list(response["content"]) == ["application/json"]


@every_operation
def test_parameters_are_those_of_the_wire(operation: Operation) -> None:
    parameters = [resolved(parameter) for parameter in operation.data.get("parameters", [])]
    named = {(parameter["in"], parameter["name"].lower()) for parameter in parameters}
    assert len(named) == len(parameters)
    assert {name for place, name in named if place == "path"} == {
        name.lower() for name in re.findall(r"{(\w+)}", operation.path)
    }
    keyed = operation.method in UNSAFE and operation.path != "/api/auth/login"
    assert (("header", "idempotency-key") in named) == keyed
    assert not {name for _, name in named} & {"rooms", "caller", "vitals", "addresses", "data", "request", "scope"}
    for parameter in parameters:
        assert parameter["schema"]
        assert parameter.get("description") or parameter["in"] == "path", parameter["name"]


@every_operation
def test_a_body_is_closed_to_fields_that_nobody_knows(operation: Operation) -> None:
    body = operation.data.get("requestBody")
    if body is None:
        return
    assert set(body["content"]) <= {"application/json", "application/merge-patch+json"}
    for content in body["content"].values():
        assert resolved(content["schema"])["additionalProperties"] is False
    assert body["required"] is True


@every_operation
def test_every_answer_has_an_example_without_gaps(operation: Operation) -> None:
    for response in operation.data["responses"].values():
        for content in response.get("content", {}).values():
            example = resolved(content["examples"]["answer"])["value"]
            assert "" not in example.values()


@every_operation
def test_examples_are_what_the_schema_allows(operation: Operation) -> None:
    parts = [operation.data.get("requestBody", {}), *operation.data["responses"].values()]
    for content in (content for part in parts for content in part.get("content", {}).values()):
        schema = {"components": document()["components"], **content.get("schema", {})}
        validator = jsonschema_rs.validator_for(schema)
        for example in content.get("examples", {}).values():
            validator.validate(resolved(example)["value"])


def test_the_document_is_served_as_it_is(anonymous: Client) -> None:
    answer = anonymous.get("/api/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == document()


def test_it_holds_nothing_of_this_machine() -> None:
    assert not re.search(r"/(?:root|home|tmp|usr|work)/|localhost|127\.0\.0\.1", repr(document()))
