"""Examples of every answer in the OpenAPI document, put together from the examples that the fields declare."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from taskapi import errors
from taskapi.http import problems

FORMATS = {"uuid": "01991f6e-8b4a-7c3e-9f21-5d0c8e2b7a14", "date-time": "2026-11-24T09:30:00.000Z"}
OF_TYPES: Mapping[str, Any] = {"integer": 1, "boolean": False}
REQUEST_ID = "5f0c7e1d2b3a49688790a1b2c3d4e5f6"
INVALID = (errors.Violation("/title", "Expected 1 to 200 characters"),)


def add_examples(document: Mapping[str, Any]) -> None:
    """Give every answer with a content an example of it."""
    for status, content_type, content in _contents(document):
        is_problem = content_type == problems.MEDIA_TYPE
        value = _problem(status) if is_problem else _example(content["schema"], document["components"]["schemas"])
        content["examples"] = {"answer": {"value": value}}


def _contents(document: Mapping[str, Any]) -> Iterator[tuple[HTTPStatus, str, dict[str, Any]]]:
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation.get("responses", {}).items():
                for content_type, content in response.get("content", {}).items():
                    yield HTTPStatus(int(status)), content_type, content


def _problem(status: HTTPStatus) -> Any:
    kind = next((kind for kind, known in problems.STATUS.items() if known == status), None)
    code = kind.code if kind else problems.EDGE_CODES[status]
    detail = (kind.__doc__ or "") if kind else problems.EDGE_DETAILS[status]
    found = problems.problem(status, code, detail.strip(), INVALID if kind is errors.Invalid else ())
    return msgspec.json.decode(problems.encoded(msgspec.structs.replace(found, request_id=REQUEST_ID)))


def _example(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Any:
    """Return what the schema gives as an example, or one of its parts'."""
    if "$ref" in schema:
        return _example(named[schema["$ref"].rpartition("/")[2]], named)
    if examples := schema.get("examples"):
        return examples[0]
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return None if {"type": "null"} in choices else _example(choices[0], named)
    if "properties" in schema:
        return {name: _example(field, named) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_example(schema["items"], named)]
    return FORMATS.get(schema.get("format", ""), OF_TYPES.get(schema.get("type", "")))
