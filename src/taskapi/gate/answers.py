"""An answer as it is kept and as it is sent again: byte for byte what the router sent.

A problem document names the request that it answers, so it is kept with a gap where that name stood. Nothing else in an
answer that is kept may depend on the request; what the conditions of a request change is worked out when it is sent.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec
from msgspec import structs

from taskapi.http.hardening import Header, hardened

FORM = 1
"""Of the bytes in Redis; those of another form, left by another release, are not read."""

KEPT_STATUSES = frozenset({200, 404})
LARGEST_BODY = 1024 * 1024
"""Bytes; larger ones are not kept."""

UNCHANGED_HEADERS = frozenset({b"etag", b"content-location", b"vary"})
"""What a 304 repeats of the answer that it stands for (RFC 9110 §15.4.5); the rest is on every answer."""

NAMED = b'"requestId":"%b"'
GAP = b'"requestId":"'
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the router answered."""

    form: int
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    rest: bytes | None = None
    """Of a problem document: what follows the request's id; `body` is then what precedes it."""

    right_until: int | None = None
    """Milliseconds since 1970, for an answer that changes with the clock."""

    @property
    def may_be_kept(self) -> bool:
        """Whether it is an answer that lasts and not too large."""
        whole = self.rest is not None if self.status == 404 else self.rest is None
        return self.status in KEPT_STATUSES and whole and len(self.body) <= LARGEST_BODY

    def seconds(self, most: int, now: datetime) -> float:
        """Return for how long it may be kept: `most`, or less if it changes with the clock."""
        if self.right_until is None:
            return most
        return min(most, self.right_until / 1000 - (now - EPOCH) / timedelta(seconds=1))

    def content(self, request_id: str) -> bytes:
        """Return the body for the request of this name."""
        return self.body if self.rest is None else b"".join((self.body, request_id.encode(), self.rest))


_decoder = msgspec.msgpack.Decoder(Answer)
_encoder = msgspec.msgpack.Encoder()


def answer(
    status: int, headers: Iterable[Header], body: bytes, request_id: str, right_until: datetime | None
) -> Answer:
    """Make an answer of what the router sent for the request of this name."""
    sent = tuple((bytes(name), bytes(value)) for name, value in headers)
    until = None if right_until is None else (right_until - EPOCH) // timedelta(milliseconds=1)
    before, named, rest = body.partition(NAMED % request_id.encode()) if status >= 400 else (body, b"", b"")
    if not named:
        return Answer(FORM, status, sent, body, None, until)
    return Answer(FORM, status, sent, before + GAP, b'"' + rest, until)


def packed(kept: Answer) -> bytes:
    """Return the bytes for Redis."""
    return _encoder.encode(kept)


def unpacked(content: bytes) -> Answer | None:
    """Return the answer in bytes from Redis; None if they are none that this release wrote."""
    try:
        found = _decoder.decode(content)
    except (msgspec.MsgspecError, ValueError):
        return None
    return found if found.form == FORM else None


@lru_cache(256)
def _the_same(header: Header) -> Header:
    """Return one header for all that are equal: most are in every answer, and what is shared stays near."""
    return header


class Prepared:
    """An answer whose messages are ready to be sent."""

    __slots__ = ("answer", "deadline", "etag", "headers", "stamp", "unchanged")

    def __init__(self, kept: Answer, stamp: bytes, deadline: float) -> None:
        """`deadline` is on the monotonic clock: from then on it is not sent any more."""
        self.answer = structs.replace(kept, headers=())
        """What is left of it."""
        self.stamp = stamp
        self.deadline = deadline
        self.headers = tuple(map(_the_same, hardened(kept.headers)))
        self.etag = next((value for name, value in kept.headers if name == b"etag"), None)
        same = [header for header in kept.headers if header[0] in UNCHANGED_HEADERS]
        self.unchanged = tuple(map(_the_same, hardened(same))) if self.etag is not None else ()

    def headers_for(self, content: bytes) -> tuple[Header, ...]:
        """Return the headers of an answer that names its request, with the length of `content`."""
        length = str(len(content)).encode()
        return tuple((name, length if name == b"content-length" else value) for name, value in self.headers)
