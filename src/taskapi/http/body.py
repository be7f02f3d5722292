"""Reads a JSON body into a typed structure and says everything that is wrong with it, each with a JSON pointer.

Unknown fields are refused: a misspelt field that is silently ignored is a lost change.
"""

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException, InternalServerException

from taskapi.errors import Invalid, Violation

Input = TypeVar("Input", bound=msgspec.Struct)
ACCEPTED = frozenset({"application/json", "application/merge-patch+json"})


class UnsupportedMediaType(HTTPException):
    """The body is not JSON."""

    status_code = 415


class BodyIncomplete(HTTPException):
    """The caller went away before all of the body was there; the answer reaches nobody."""

    status_code = 400


class ApiRequest(Request[Any, Any, State]):
    """A request whose body is decoded by `decode`."""

    async def body(self) -> bytes:
        """Return all of the body; raises BodyIncomplete if the caller goes away, which is no failure of ours."""
        try:
            return await super().body()
        except InternalServerException:
            raise BodyIncomplete(detail="The body did not arrive.") from None

    async def json(self) -> Any:
        """Return the decoded body of the type that the handler's `data` asks for."""
        if self.content_type[0] not in ACCEPTED:
            raise UnsupportedMediaType(detail="Send JSON with the header Content-Type: application/json.")
        field = self.scope["route_handler"].parsed_data_field
        assert field is not None
        return decode(await self.body(), field.annotation)


def decode(body: bytes, kind: type[Input]) -> Input:
    """Return `body` as `kind`; raises Invalid with every violation found."""
    raw = _parsed(body)
    violations = tuple(_violations(raw, kind))
    if violations:
        raise Invalid("The body is not valid.", violations=violations)
    try:
        result = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise Invalid("The body is not valid.", violations=(_violation(error, ""),)) from None
    rules = tuple(getattr(result, "violations", tuple)())
    if rules:
        raise Invalid("The body is not valid.", violations=rules)
    return result


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("The body is not JSON.", violations=(Violation("", str(error)),)) from None
    if not isinstance(raw, dict):
        raise Invalid("The body is not valid.", violations=(Violation("", "Expected an object"),))
    return cast(dict[str, Any], raw)


def _violations(raw: dict[str, Any], kind: type[Input]) -> Iterator[Violation]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in raw.keys() - fields.keys():
        yield Violation(f"/{_escaped(name)}", "There is no such field")
    for name, field in fields.items():
        if name in raw:
            yield from _field_violations(raw[name], field.type, name)
        elif field.required:
            yield Violation(f"/{name}", "This field is required")


def _field_violations(value: Any, kind: Any, name: str) -> Iterator[Violation]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield _violation(error, f"/{name}")


def _violation(error: msgspec.ValidationError, base: str) -> Violation:
    """Turn msgspec's ``reason - at `$.a[1].b` `` into a pointer and a reason."""
    reason, _, path = str(error).partition(" - at `$")
    steps = path.rstrip("`").replace("[", ".").replace("]", "").split(".")
    return Violation(base + "".join(f"/{_escaped(step)}" for step in steps if step), reason)


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
