"""The interactive documentation needs no internet connection: it names only files of its own, and they are there."""

import re

import pytest

from taskapi.http.edge import Edge
from tests.http.asgi import ask

pytestmark = pytest.mark.anyio

KINDS = {"css": "text/css", "js": "text/javascript", "png": "image/png", "json": "application/json"}


async def test_everything_that_the_page_names_is_its_own_and_there(app: Edge) -> None:
    page = await ask(app, "GET", "/docs")
    assert (page.header("content-type") or "").startswith("text/html")
    named = re.findall(r'(?:href|src)="([^"]+)"', page.body.decode())
    start = await ask(app, "GET", "/docs/start.js")
    named += re.findall(r'url: "([^"]+)"', start.body.decode())
    assert len(named) == 5
    for target in named:
        assert target.startswith("/"), f"{target} is elsewhere"
        answer = await ask(app, "GET", target)
        assert answer.status == 200
        assert answer.body
        kind = (
            (answer.header("content-type") or "").partition(";")[0].replace("application/javascript", "text/javascript")
        )
        assert kind == KINDS[target.rpartition(".")[2]]


async def test_the_page_needs_no_more_than_its_content_policy_allows(app: Edge) -> None:
    page = await ask(app, "GET", "/docs")
    policy = dict(part.strip().split(" ", 1) for part in (page.header("content-security-policy") or "").split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert not re.search(rb"<script(?![^>]*\bsrc=)|\bon\w+=|javascript:|https?://", page.body)
    for name in ("/docs/files/swagger-ui.css", "/docs/start.js"):
        assert not re.search(rb"url\(['\"]?(?!['\"]?data:)|@import", (await ask(app, "GET", name)).body)


@pytest.mark.parametrize(
    "name", ["", "index.html", "swagger-ui-bundle.js.map", "..", "SWAGGER-UI.CSS", "%2e%2e", "favicon"]
)
async def test_no_other_file_is_given_away(app: Edge, name: str) -> None:
    answer = await ask(app, "GET", f"/docs/files/{name}")
    assert (answer.status, answer.json()["code"]) == (404, "not-found")


async def test_the_document_is_made_once(app: Edge) -> None:
    first, second = [await ask(app, "GET", "/api/openapi.json") for _ in range(2)]
    assert first.body == second.body
    assert first.json()["openapi"].startswith("3.1")
