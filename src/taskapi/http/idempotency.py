"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write that may be repeated without fear.

The answer is stored in the very transaction that has the effect, so there is never one without the other. A repeated
key gets the stored answer; with another request 422; while the first is still in progress it waits, and is 409 if that
takes too long. Only answers of writes that were committed are stored: a refused request changed nothing and may simply
be tried again.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
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
from taskapi.http.awaiting import Awaiting, Caller, Wait
from taskapi.http.body import ApiRequest
from taskapi.kit.database import Deferral, ReadConnection, Row, Transaction, deferred_commit
from taskapi.kit.seals import Seals

HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
VALID_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
KEPT_HEADERS = frozenset({b"content-type", b"etag", b"location"})

OPEN = "SELECT /* idempotency.open */ free, fingerprint, status, headers, body FROM open_idempotency_key($1, $2)"
"""Takes the lock till the transaction ends, then looks: whoever gets it sees the answer of whoever had it before."""

KEEP = """
INSERT /* idempotency.keep */ INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
SELECT $1::uuid, $2::text, $3::bytea, $4::smallint, $5::text, $6::bytea
WHERE EXISTS (SELECT FROM users WHERE id = $1::uuid)
"""
"""Nothing is kept for somebody whom this very transaction removes: nobody is left to repeat the request."""


Settle = Callable[[UUID], Awaitable[None]]
"""Returns once nobody can be served what was before the writes of a user that are committed: the first time of a
repeated request may have died between its commit and telling."""

Read = Callable[[], AbstractAsyncContextManager[ReadConnection]]
"""Lends a connection for a statement."""


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

    def __init__(self, fingerprints: Seals, settle: Settle, read: Read, awaiting: Awaiting) -> None:
        self.fingerprints = fingerprints
        self.settle = settle
        self.read = read
        self._awaiting = awaiting

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Run the rest within one deferred transaction if the request is a write with a key."""
        key = None if scope.get("method") in SAFE_METHODS else key_of(scope)
        if key is None:
            await next_app(scope, receive, send)
            return
        request, caller = ApiRequest(scope, receive), Caller(receive)
        write = Write(self, scope["user"], key, what_counts(scope, await request.body()))
        try:
            answer = await write.answer(next_app, scope, caller, Wait(self._awaiting, caller))
        except (Error, Replay) as end:  # a commit's or a look's; the framework takes what an attempt sent for sent
            response = answer_replay(request, end) if isinstance(end, Replay) else problems.answer_error(request, end)
            await response.to_asgi_response(app=None, request=request)(scope, receive, send)
            return
        finally:
            caller.forget()
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})


class Write:
    """A write with a key, tried until its first time is over."""

    def __init__(self, edge: Idempotency, caller: Principal, key: str, request: tuple[bytes, ...]) -> None:
        self._edge = edge
        self._caller = caller
        self._key = key
        self._request = request
        self._is_first = True
        """Whether nobody else was found to be at it."""

    async def answer(self, app: ASGIApp, scope: Scope, caller: Caller, wait: Wait) -> Answer:
        """Return the answer to send, that of the rest of the application; raises Replay, KeyReused and KeyInUse."""
        while True:
            try:
                return await self._attempt(app, scope, _once(self._request[-1], caller.receive))
            except KeyInUse:
                if not await wait.until(self._is_over):
                    raise

    async def _attempt(self, app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
        recorder = Recorder()
        async with deferred_commit(self._opened) as deferral:
            await app(scope, receive, recorder)
            if not self._is_first:
                raise KeyInUse
            await self._settle(deferral, recorder.answer)
        return recorder.answer

    async def _settle(self, deferral: Deferral, answer: Answer) -> None:
        if deferral.transaction is None or answer.status >= 400:
            return
        fingerprint = self._edge.fingerprints.digest(*self._request)
        keep(deferral.transaction, self._caller.user_id, self._key, fingerprint, answer)
        await deferral.commit()

    async def _opened(self, transaction: Transaction) -> None:
        if not await self._may_begin(await self._look(transaction)):
            raise KeyInUse

    async def _is_over(self) -> bool:
        """Look whether the first time is; what it costs a route to come to its transaction is not spent on that."""
        async with self._edge.read() as connection:
            row = await self._look(connection)
        return await self._may_begin(row)

    async def _look(self, connection: ReadConnection) -> Row:
        row = await connection.fetch_one(OPEN, self._caller.user_id, self._key)
        assert row is not None
        return row

    async def _may_begin(self, row: Row) -> bool:
        """Say whether nobody is at it; raises Replay if it was done, KeyReused if another request was."""
        if row["fingerprint"] is None:
            self._is_first = bool(row["free"])
            return self._is_first
        if not self._edge.fingerprints.recognizes(row["fingerprint"], *self._request):
            raise KeyReused
        await self._edge.settle(self._caller.user_id)
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
