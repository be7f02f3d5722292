"""No id of somebody else opens anything: generated from the OpenAPI document, so that a new route is covered by itself.

A stranger's id must be answered like an id that does not exist, and nothing of its owner's may change.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from taskapi.app import api_document
from tests.conftest import Sql
from tests.people import Client

DOCUMENT = api_document()
OWNED = ("users", "credentials", "sessions", "tasks", "task_counts", "idempotency_keys", "outbox")
"""Tables with rows of a person, by `user_id` (`users`: by `id`)."""


def operations() -> Iterator[tuple[str, str]]:
    """Yield every operation whose path names an object."""
    for path, item in DOCUMENT["paths"].items():
        if "{" in path:
            yield from ((method, path) for method in item if method in {"get", "post", "put", "patch", "delete"})


def sample(schema: dict[str, Any]) -> Any:
    """Return the smallest value that a schema allows."""
    if "$ref" in schema:
        return sample(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return sample(schema[choice][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: sample(schema["properties"][name]) for name in schema.get("required", ())}
    if schema.get("type") == "array":
        return [sample(schema["items"])] * schema.get("minItems", 0)
    return {"string": "x" * max(8, schema.get("minLength", 0)), "integer": 1, "boolean": True}[schema["type"]]


def attempt(client: Client, method: str, path: str, ids: dict[str, str]) -> httpx.Response:
    """Call an operation with a valid body and these ids in its path."""
    body = DOCUMENT["paths"][path][method].get("requestBody")
    content = next(iter(body["content"].values()))["schema"] if body else None
    url = path.format_map({name: ids[name.removesuffix("_id")] for name in parameters(path)})
    return client.request(method, url, json=sample(content) if content else None)


def parameters(path: str) -> list[str]:
    """Return the names of the ids in a path."""
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]


@pytest.fixture
def belongings(ada: Client) -> list[dict[str, str]]:
    """Ada's ids by kind: with a task that lives, and with one in the trash."""
    live, trashed = ada.task("Lives"), ada.task("Trashed")
    assert ada.delete(f"/api/tasks/{trashed['id']}").status_code == 204
    session = next(item["id"] for item in ada.get("/api/auth/sessions").json()["items"] if item["current"])
    return [{"task": task["id"], "session": session, "user": ada.id} for task in (live, trashed)]


def state(sql: Sql, person: Client) -> dict[str, list[str]]:
    """Return everything the database has of a person, but what is noted of it in the background."""
    rows = {}
    for table in OWNED:
        column = "id" if table == "users" else "user_id"
        rest = "to_jsonb(t) - '{last_seen_at,announced_at}'::text[]"
        query = f"SELECT ({rest})::text FROM {table} AS t WHERE {column} = $1::text::uuid"
        rows[table] = sorted(row[0] for row in sql(query, person.id))
    return rows


@pytest.mark.parametrize(("method", "path"), sorted(operations()))
def test_a_strangers_id_is_answered_like_one_that_does_not_exist(
    method: str, path: str, ada: Client, grace: Client, belongings: list[dict[str, str]], sql: Sql
) -> None:
    before = state(sql, ada)
    nobodys = attempt(grace, method, path, {kind: str(uuid4()) for kind in belongings[0]})
    for ids in belongings:
        answer = attempt(grace, method, path, ids)
        assert answer.status_code in {403, 404}, answer.text
        assert (answer.status_code, answer.json()["code"]) == (nobodys.status_code, nobodys.json()["code"])
    assert state(sql, ada) == before


@pytest.mark.parametrize(("method", "path"), sorted(operations()))
def test_without_a_session_no_id_opens_anything(
    method: str, path: str, anonymous: Client, belongings: list[dict[str, str]]
) -> None:
    for ids in belongings:
        assert attempt(anonymous, method, path, ids).status_code == 401


def test_only_administrators_are_refused_for_who_they_are_and_not_for_what_they_ask() -> None:
    forbidding = [path for method, path in operations() if "403" in DOCUMENT["paths"][path][method]["responses"]]
    assert all(path.startswith("/api/users/") for path in forbidding)
