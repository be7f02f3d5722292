"""What a request asks in its one trip, and what is known after it. Pure types: nothing here talks to anybody."""

from enum import StrEnum
from uuid import UUID

import msgspec

from taskapi.contracts.identity import Principal


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """How many requests of one class somebody may send: `requests` in `seconds`, all of them at once if saved up."""

    name: str
    """The limit class; part of the key in Redis and of the headers."""

    requests: int
    seconds: int = 60


class Counter(msgspec.Struct, frozen=True, gc=False):
    """An allowance and who it is counted for."""

    subject: str
    """What stands in the braces of the key: a user's id, or the digest of an address or an account's name."""

    allowance: Allowance


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the limiter says of one counter."""

    counter: Counter
    remaining: int
    """Requests that could follow at once."""

    reset: int
    """Microseconds until the allowance is whole again."""

    wait: int
    """Microseconds until a request would be accepted; 0 for one that was."""


class Question(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything that a request with a caller wants to know; it may be asked again and again."""

    user_id: UUID
    session_id: UUID
    """From a token whose signature is right."""

    counters: tuple[Counter, ...] = ()
    """All are looked at; only if every one has room is anything counted."""

    field: str | None = None
    """The version field of the caller's that the answer depends on; None: the answer is not kept."""

    body_key: str | None = None
    """Where the answer is kept in Redis."""


class Source(StrEnum):
    """Where the gate's knowledge of this request comes from."""

    REDIS = "redis"
    LOCAL = "local"
    """Redis did not answer: the session was read from PostgreSQL, the limiter counted in this process."""


class Admission(msgspec.Struct, frozen=True, gc=False):
    """What is known after the trip."""

    principal: Principal | None
    """The caller; None if the session is over or there never was one (or the route is public)."""

    verdicts: tuple[Verdict, ...] = ()
    """One for each counter of the question."""

    stamp: bytes | None = None
    """Epoch and version under which an answer that is loaded from now on may be kept; None: it may not be kept, and its
    load neither leads nor joins a shared one (a write is under way, the lease is over, Redis is away, no field)."""

    held_is_fresh: bool = False
    """The answer that this process holds may be sent."""

    body: bytes | None = None
    """A fresh answer as `keep` took it, if Redis had one and the held one was not fresh."""

    source: Source = Source.REDIS

    position: bytes | None = None
    """From where on a replica may load the answer; empty if none may, None if there are no replicas."""

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """The verdicts that refuse; empty if the request may go on."""
        return tuple([verdict for verdict in self.verdicts if verdict.wait > 0])
