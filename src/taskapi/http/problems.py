"""Problem documents (RFC 9457): the one place where a failure becomes an HTTP answer.

A kind of error has one status. Whatever was not foreseen becomes a 500 that says nothing but the request id; its
details go to the log.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import Send

from taskapi import errors
from taskapi.http.context import request_id
from taskapi.kit.telemetry import logger

MOST_VIOLATIONS = 100
"""More are not told: a request of nothing but mistakes must not get an answer many times its size."""

MEDIA_TYPE = "application/problem+json"
TITLES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}
"""The names of RFC 9110, which older Pythons do not know yet: the same answer on each."""

STATUS: Mapping[type[errors.Error], HTTPStatus] = {
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Missing: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.Limited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
}
EDGE_CODES = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
}
"""Codes of the failures that the edge itself finds, before any business is done."""


EDGE_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 1 MiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Send JSON, with the header Content-Type: application/json.",
}


class InvalidPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One invalid part of a request."""

    detail: str
    source: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What went wrong, for people (`title`, `detail`) and for programs (`code`)."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    request_id: str = ""
    errors: tuple[InvalidPart, ...] = ()


def problem(status: int, code: str, detail: str, violations: tuple[errors.Violation, ...] = ()) -> Problem:
    """Make a problem document for the request in progress."""
    known = HTTPStatus(status)
    return Problem(
        type=f"urn:task-api:problem:{code}",
        title=TITLES.get(known, known.phrase),
        status=known.value,
        code=code,
        detail=detail,
        request_id=request_id(),
        errors=tuple(_part(violation) for violation in violations[:MOST_VIOLATIONS]),
    )


def encoded(document: Problem) -> bytes:
    """Return the document's JSON."""
    return msgspec.json.encode(document)


def answer_error(_: Request[Any, Any, Any], error: errors.Error) -> Response[Problem]:
    """Answer an error of the business."""
    return _response(*_told(error))


async def send_error(send: Send, error: errors.Error, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer an error without the framework: the very same answer, and more headers."""
    document, own = _told(error)
    body = encoded(document)
    sent = [(name.lower().encode(), value.encode()) for name, value in own.items()]
    sent += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": document.status, "headers": sent})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def answer_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer what the framework found: no such route, wrong method, invalid parameters, body too large."""
    if isinstance(error, ValidationException):
        return _response(problem(422, errors.Invalid.code, "The request is not valid.", _violations(error.extra)), {})
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_unforeseen(request, error)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    detail = EDGE_DETAILS.get(status, status.description)
    return _response(problem(status, EDGE_CODES.get(status, "malformed"), detail), headers)


def answer_unforeseen(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer what nobody foresaw: the log gets the details, the caller the request id."""
    logger("taskapi.http").error("unforeseen error", exc_info=error)
    return _response(problem(500, "internal", "The server failed; the request id helps to find out why."), {})


def _told(error: errors.Error) -> tuple[Problem, dict[str, str]]:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="task-api"'
    return problem(status, error.code, error.detail, error.violations), headers


def _response(document: Problem, headers: dict[str, str]) -> Response[Problem]:
    return Response(document, status_code=document.status, media_type=MEDIA_TYPE, headers=headers)


def _part(violation: errors.Violation) -> InvalidPart:
    if violation.source == "body":
        return InvalidPart(violation.detail, "body", pointer=violation.pointer)
    return InvalidPart(violation.detail, violation.source, parameter=violation.pointer)


def _violations(extra: Any) -> tuple[errors.Violation, ...]:
    return tuple(_parameter_violation(item) for item in (extra if isinstance(extra, list) else []))


def _parameter_violation(item: dict[str, Any]) -> errors.Violation:
    source = getattr(item.get("source"), "value", item.get("source")) or "request"
    if source == "body":
        return errors.Violation("", "A JSON body is required")
    return errors.Violation(str(item.get("key", "")), str(item.get("message", "")), str(source))
