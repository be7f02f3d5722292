"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write that may be repeated without fear.

The answer is stored in the very transaction that has the effect, so there is never one without the other. A repeated
key gets the stored answer; with another request 422; while the first is still in progress 409. Only answers of writes
that were committed are stored: a refused request changed nothing and may simply be tried again.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from taskapi.contracts.identity import Principal
from taskapi.errors import Conflict, Error, Invalid, Violation
from taskapi.http import problems
from taskapi.http.authentication import PUBLIC
from taskapi.http.body import ApiRequest
from taskapi.kit.database import Deferral, Row, Transaction, deferred_commit
from taskapi.kit.seals import Seals

HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
VALID_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
KEPT_HEADERS = frozenset({b"content-type", b"etag", b"location"})

OPEN = "SELECT free, fingerprint, status, headers, body FROM open_idempotency_key($1, $2)"
"""Takes the lock, then looks: whoever gets the lock sees the answer of whoever had it before."""

KEEP = """
INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
SELECT $1::uuid, $2::text, $3::bytea, $4::smallint, $5::text, $6::bytea
WHERE EXISTS (SELECT FROM users WHERE id = $1::uuid)
"""
"""Nothing is kept for somebody whom this very transaction removes: nobody is left to repeat the request."""


Settle = Callable[[UUID], Awaitable[None]]
"""Returns once nobody can be served what was before the writes of a user that are committed: the first time of a
repeated request may have died between its commit and telling."""


class KeyReused(Invalid):
    """This Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"


class KeyInUse(Conflict):
    """A request with this Idempotency-Key is in progress; try again shortly."""

    code = "idempotency-key-in-use"

    def __init__(self) -> None:
        super().__init__(retry_after=1)


CONSTRAINTS = {"idempotency_keys_pkey": KeyInUse}
"""Two first times at once: the lock lets one through; should it ever fail, the primary key still does."""


class Answer(msgspec.Struct):
    """An answer as it goes over the wire."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = msgspec.field(default_factory=list)
    body: bytes = b""


class Replay(Exception):
    """The request was answered before; carries that answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("replay")
        self.answer = answer


def answer_replay(_: Request[Any, Any, Any], replay: Replay) -> Response[bytes]:
    """Send the stored answer."""
    stored = replay.answer
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in stored.headers}
    return Response(stored.body, status_code=stored.status, headers=headers, media_type=headers.get("content-type"))


class Idempotency(ASGIMiddleware):
    """Answers a repeated write with the answer of its first time."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = PUBLIC

    def __init__(self, fingerprints: Seals, settle: Settle) -> None:
        self._fingerprints = fingerprints
        self._settle = settle

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Run the rest within one deferred transaction if the request is a write with a key."""
        key = None if scope.get("method") in SAFE_METHODS else key_of(scope)
        if key is None:
            await next_app(scope, receive, send)
            return
        request = ApiRequest(scope, receive)
        body = await request.body()
        attempt = Attempt(scope["user"], key, self._fingerprints, what_counts(scope, body), self._settle)
        try:
            answer = await attempt.answer(next_app, scope, _once(body, receive))
        except Error as error:  # the commit's; the framework takes the answer that was made before it for sent
            refusal = problems.answer_error(request, error).to_asgi_response(app=None, request=request)
            await refusal(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})


class Attempt:
    """One try at a write with a key."""

    def __init__(
        self, caller: Principal, key: str, fingerprints: Seals, request: tuple[bytes, ...], settle: Settle
    ) -> None:
        self._caller = caller
        self._key = key
        self._fingerprints = fingerprints
        self._request = request
        self._settle_first = settle

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
        """Return the answer to send: the stored one, or that of the rest of the application."""
        recorder = Recorder()
        async with deferred_commit(self._opened) as deferral:
            await app(scope, receive, recorder)
            await self._settle(deferral, recorder.answer)
        return recorder.answer

    async def _settle(self, deferral: Deferral, answer: Answer) -> None:
        if deferral.transaction is None or answer.status >= 400:
            return
        fingerprint = self._fingerprints.digest(*self._request)
        keep(deferral.transaction, self._caller.user_id, self._key, fingerprint, answer)
        await deferral.commit()

    async def _opened(self, transaction: Transaction) -> None:
        row = await transaction.fetch_one(OPEN, self._caller.user_id, self._key)
        assert row is not None
        if not row["free"]:
            raise KeyInUse
        if row["fingerprint"] is None:
            return
        if not self._fingerprints.recognizes(row["fingerprint"], *self._request):
            raise KeyReused
        await self._settle_first(self._caller.user_id)
        raise Replay(kept_answer(row))


class Recorder:
    """Takes an answer instead of sending it."""

    def __init__(self) -> None:
        self.answer = Answer()

    async def __call__(self, message: Message) -> None:
        """Take one message."""
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            self.answer.headers = [(bytes(name).lower(), bytes(value)) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.answer.body += message.get("body", b"")


def keep(transaction: Transaction, user_id: UUID, key: str, fingerprint: bytes, answer: Answer) -> None:
    """Store an answer together with the transaction's effect."""
    kept = [(name, value) for name, value in answer.headers if name in KEPT_HEADERS]
    headers = msgspec.json.encode([[name.decode("latin-1"), value.decode("latin-1")] for name, value in kept])
    transaction.insert_last(KEEP, user_id, key, fingerprint, answer.status, headers.decode(), answer.body)


def kept_answer(row: Row) -> Answer:
    """Return the answer that was stored, marked as a repetition."""
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in msgspec.json.decode(row["headers"])]
    return Answer(row["status"], [*headers, REPLAYED], row["body"])


def what_counts(scope: Scope, body: bytes) -> tuple[bytes, ...]:
    """Return what makes a request the same as another."""
    conditions = b"\n".join(value for name, value in scope["headers"] if name == b"if-match")
    return str(scope.get("method")).encode(), scope["path"].encode(), scope["query_string"], conditions, body


def key_of(scope: Scope) -> str | None:
    """Return the request's key, if it has one; raises Invalid."""
    values = [value for name, value in scope["headers"] if name == HEADER]
    if not values:
        return None
    if len(values) > 1 or not VALID_KEY.fullmatch(values[0]):
        reason = Violation("Idempotency-Key", "Expected 1 to 255 visible ASCII characters, once", "header")
        raise Invalid("The header Idempotency-Key is not valid.", violations=(reason,))
    return values[0].decode()


def _once(body: bytes, receive: Receive) -> Receive:
    """Give the body again, then whatever else the connection tells."""
    pending: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return pending.pop() if pending else await receive()

    return again
