"""docs/api.md says what the OpenAPI document says: operations, statuses, parameters, fields, bounds, and defaults.

Its tables are found by a comment before them: `fields` names schemas (after a minus: those whose fields are left out),
`query` names an operation.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from taskapi.app import api_document
from taskapi.config import variables
from taskapi.errors import Error
from taskapi.http.problems import EDGE_CODES, STATUS
from tests.shape.source import ROOT

DOCUMENT = api_document()
SCHEMAS: Mapping[str, Any] = DOCUMENT["components"]["schemas"]
TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
DEFAULTS = {variable.name: variable.default for variable in variables()}

METHODS = ("get", "post", "put", "patch", "delete")
EVERYWHERE = {"401", "409", "413", "415", "422", "429", "503"}
"""Statuses that the section on conventions tells of once; health, which has no common ones, tells of its own."""

OPERATION = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /api/[^`]*)`")
OPERATION_ROW = re.compile(rf"^\| {OPERATION.pattern} \|.*\| ([^|]+) \|$", re.MULTILINE)
TABLE = re.compile(r"^<!-- (fields|query): (.+) -->\n\|.+\n\|[-|]+\n((?:\|.+\n)+)", re.MULTILINE)
ROW = re.compile(r"^\| `([^`]+)` \|(.+)\|$", re.MULTILINE)
WORD = re.compile(r"`([A-Za-z][\w-]*)`")
SETTING = re.compile(r"`((?:TASK_API_)?[A-Z]+(?:_[A-Z]+)+)`")
DEFAULT = re.compile(rf"(\d+)(?: [a-z]+\s+\(| \| ){SETTING.pattern}")
"""A number before a setting's name, in a sentence or in a table."""

BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "enum", "const", "default")

HEADERS = {"Allow", "Authorization", "Content-Type", "Date", "ETag", "Location", "Retry-After", "User-Agent"}
HEADERS |= {"RateLimit", "RateLimit-Policy", "X-Cache"}
HEADERS |= {"Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"}
HEADERS |= {"Cache-Control", "Content-Security-Policy", "Idempotency-Replayed", "X-Request-Id"}
OTHER_WORDS = {"OPTIONS", "HEAD", "Z", "curl", "cafe", "plant", "strasse", "query", "body", "header"}
OTHER_WORDS |= {"hit-memory", "hit-redis", "miss", "bypass", "r", "t", "w"}
"""Words in code type that are neither names of the API nor values."""


def operations() -> dict[str, dict[str, Any]]:
    """Return every operation by its method and path."""
    paths: dict[str, dict[str, Any]] = DOCUMENT["paths"]
    return {f"{verb.upper()} {path}": item[verb] for path, item in paths.items() for verb in METHODS if verb in item}


def codes() -> dict[str, str]:
    """Return what docs/errors.md says is sent over HTTP: codes with their statuses."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \| (\d+) \|", text, re.MULTILINE))


def descendants(kind: type[Error]) -> Iterator[type[Error]]:
    """Yield all kinds below one; those of the domains are known because `taskapi.app` imports them."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("taskapi."):  # other tests define errors of their own
            yield child
        yield from descendants(child)


def tables(kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what each table of a kind is about, and its rows by their names."""
    for found in TABLE.finditer(TEXT):
        if found[1] == kind:
            yield found[2], dict(ROW.findall(found[3]))


def properties(schema: str) -> dict[str, list[dict[str, Any]]]:
    """Return the properties of a schema, each with what the document states of it; `Page` is any page."""
    names = [name for name in SCHEMAS if documented_as(name) == schema]
    assert names, f"there is no schema {schema}"
    return {name: list(stated(value)) for name, value in SCHEMAS[names[0]]["properties"].items()}


def documented_as(schema: str) -> str:
    """Return the name under which a schema is shown: all pages look the same."""
    return "Page" if schema.endswith("Page") else schema


def stated(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and those that it consists of, references to bare values included."""
    yield schema
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
        yield from stated(choice)
    named = SCHEMAS.get(schema.get("$ref", "").rpartition("/")[2], {})
    if "properties" not in named:
        yield from stated(named) if named else ()


def bounds(schemas: list[dict[str, Any]]) -> Iterator[str]:
    """Yield every number and value that a row has to name."""
    for value in (schema[name] for schema in schemas for name in BOUNDS if schema.get(name)):
        for item in value if isinstance(value, list) else [value]:
            yield str(int(item) if isinstance(item, float) else item)


def missing_bounds(name: str, row: str, schemas: list[dict[str, Any]]) -> list[str]:
    """Return what a row should name and does not."""
    words = set(re.findall(r"-?[\w]+", row.replace(",", "")))
    return [f"{name}: {bound}" for bound in bounds(schemas) if bound not in words]


def compare(about: str, expected: Mapping[str, list[dict[str, Any]]], rows: Mapping[str, str]) -> None:
    """Fail unless the rows name what is expected, each with its bounds."""
    assert sorted(rows) == sorted(expected), f"the table of {about}"
    wrong = [item for name, row in rows.items() for item in missing_bounds(name, row, expected[name])]
    assert not wrong, f"the table of {about} does not state {wrong}"


def test_every_operation_is_named_and_no_other() -> None:
    assert set(OPERATION.findall(TEXT)) - {"GET /api/openapi.json"} == set(operations())


def test_every_operation_has_a_row_with_its_statuses() -> None:
    rows = {name: set(re.findall(r"\b\d{3}\b", cell)) for name, cell in OPERATION_ROW.findall(TEXT)}
    for name, operation in operations().items():
        told = EVERYWHERE - ({"503"} if "/health" in name else set()) - ({"401"} if name.endswith("/login") else set())
        assert rows[name] - told == set(operation["responses"]) - told, name


@pytest.mark.parametrize(("about", "rows"), list(tables("query")))
def test_a_table_of_parameters_names_them_all_with_their_bounds(about: str, rows: dict[str, str]) -> None:
    given = [item for item in operations()[about]["parameters"] if item["in"] == "query"]
    compare(about, {item["name"]: list(stated(item["schema"])) for item in given}, rows)


def test_every_operation_with_parameters_has_a_table() -> None:
    asked = {
        name
        for name, operation in operations().items()
        if any(item["in"] == "query" for item in operation.get("parameters", ()))
    }
    assert {about for about, _ in tables("query")} == asked


@pytest.mark.parametrize(("about", "rows"), list(tables("fields")))
def test_a_table_of_fields_names_them_all_with_their_bounds(about: str, rows: dict[str, str]) -> None:
    shown, _, left_out = about.partition(" - ")
    expected: dict[str, list[dict[str, Any]]] = {}
    for schema in shown.split(", "):
        for name, schemas in properties(schema).items():
            expected.setdefault(name, []).extend(schemas)
    compare(
        about, {name: expected[name] for name in expected.keys() - (properties(left_out) if left_out else {})}, rows
    )


def test_every_schema_with_fields_has_a_table() -> None:
    shown = {name for about, _ in tables("fields") for name in about.partition(" - ")[0].split(", ")}
    assert shown == {documented_as(name) for name, schema in SCHEMAS.items() if "properties" in schema}


def test_nothing_is_named_that_does_not_exist() -> None:
    parameters = {item["name"] for operation in operations().values() for item in operation.get("parameters", ())}
    fields = {name for schema in SCHEMAS.values() for name in schema.get("properties", ())}
    parts = [item for schema in SCHEMAS.values() for item in (schema, *schema.get("properties", {}).values())]
    values = {value for part in parts for value in bounds(list(stated(part)))}
    methods = {verb.upper() for verb in METHODS}
    known = set().union(parameters, fields, values, methods, codes(), DEFAULTS, HEADERS, OTHER_WORDS)
    assert sorted(set(WORD.findall(PROSE)) - known) == []


def test_defaults_are_those_of_the_settings() -> None:
    told = {name: value for value, name in DEFAULT.findall(TEXT)}
    assert told == {name: DEFAULTS[name] for name in told}
    silent = {"TASK_API_CORS_ORIGINS", "TASK_API_RATE_LIMIT_EXEMPT"}
    assert set(SETTING.findall(TEXT)) == told.keys() | silent


def test_every_code_has_the_status_that_is_documented() -> None:
    kinds = {kind: status for base, status in STATUS.items() for kind in (base, *descendants(base))}
    sent = {kind.code: status for kind, status in kinds.items()} | {code: status for status, code in EDGE_CODES.items()}
    assert codes() == {code: str(int(status)) for code, status in sent.items()}
