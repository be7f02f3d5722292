"""The interactive documentation at `/docs`: Swagger UI from files that are installed with the program.

Nothing is loaded from anywhere else, so it works without an internet connection; its content policy says so too. A name
that somebody sends is looked up in a table and never becomes a path.
"""

from functools import cache
from pathlib import Path

from litestar import MediaType, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from swagger_ui_bundle import swagger_ui_path

from taskapi.http import openapi
from taskapi.http.authentication import PUBLIC
from taskapi.http.policy import LIMITS, LimitClass

PUBLIC_FILES = {PUBLIC: True, LIMITS: (LimitClass.NONE,)}
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript", "favicon-32x32.png": "image/png"}
"""The installed files that the page names, each with its type."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><title>Task API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/files/swagger-ui.css">
<link rel="icon" href="/docs/files/favicon-32x32.png">
</head>
<body><div id="swagger-ui"></div>
<script src="/docs/files/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body>
</html>
"""
START = f"""SwaggerUIBundle({{
  url: "{openapi.PATH}", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: false,
  displayRequestDuration: true, tryItOutEnabled: true, validatorUrl: null,
}});
"""


@get("/docs", opt=PUBLIC_FILES, include_in_schema=False, sync_to_thread=False)
def read_docs() -> Response[str]:
    """Return the page."""
    return Response(PAGE, media_type=MediaType.HTML, headers={"Content-Security-Policy": CONTENT_POLICY})


@get("/docs/start.js", opt=PUBLIC_FILES, include_in_schema=False, sync_to_thread=False)
def read_start() -> Response[str]:
    """Return the few lines that start Swagger UI."""
    return Response(START, media_type="text/javascript")


@get("/docs/files/{name:str}", opt=PUBLIC_FILES, include_in_schema=False, sync_to_thread=False)
def read_file(name: FromPath[str]) -> Response[bytes]:
    """Return one of the installed files that the page names."""
    if name not in FILES:
        raise NotFoundException
    return Response(_content(name), media_type=FILES[name])


@cache
def _content(name: str) -> bytes:
    return Path(swagger_ui_path, name).read_bytes()


def routers() -> list[Router]:
    """Return the page, its start and the installed files."""
    return [Router("/", route_handlers=[read_docs, read_start, read_file])]
