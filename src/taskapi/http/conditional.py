"""Conditional requests (RFC 9110 §13): strong entity tags, `If-None-Match` on reads, `If-Match` on writes."""

import re
from typing import Annotated

from litestar.params import HeaderParameter

from taskapi.errors import Invalid, PreconditionFailed, Violation

TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*)*')
LONGEST = 1024

IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="Change only a version with one of these entity tags.")
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="Answer 304 if the current version has one of these tags."),
]


def etag(version: int) -> str:
    """Return the strong tag of an object's version."""
    return f'"{version}"'


def not_modified(if_none_match: str | None, tag: str) -> bool:
    """Say whether the caller already holds `tag` (weak comparison, as the RFC wants it for reads)."""
    tags = _tags(if_none_match, "If-None-Match")
    return "*" in tags or tag in {known.removeprefix("W/") for known in tags}


def require_match(if_match: str | None, version: int) -> None:
    """Raise PreconditionFailed unless the caller knows the current version or did not ask (strong comparison)."""
    tags = _tags(if_match, "If-Match")
    if tags and "*" not in tags and etag(version) not in tags:
        raise PreconditionFailed


def check_if_match(if_match: str | None) -> None:
    """Raise Invalid if the header cannot be read, before anything is done."""
    _tags(if_match, "If-Match")


def _tags(header: str | None, name: str) -> frozenset[str]:
    if header is None:
        return frozenset()
    if header.strip() == "*":
        return frozenset({"*"})
    if len(header) > LONGEST or not TAGS.fullmatch(header):
        raise Invalid(
            f"The header {name} is not valid.",
            violations=(Violation(name, 'Expected entity tags such as "7", or *', "header"),),
        )
    return frozenset(tag.strip() for tag in header.split(","))
