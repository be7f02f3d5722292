"""A person's device: one session, one connection to each server process, and patience for so long and no longer.

It sends requests and sorts out answers that are failures; what the others mean is for those who asked.
"""

import time
from random import Random
from typing import Any

import msgspec

from tests.chaos.ledger import Fault, Ledger
from tests.chaos.weather import DATABASE, server
from tests.chaos.wire import Answer, Connection, Lost, NoAnswer, connect, request_bytes

AVOID_SECONDS = 0.5
"""How long a process is not asked again that did not answer."""


class Reply(msgspec.Struct):
    """An answer, who gave it, and when it was asked for."""

    answer: Answer
    instance: int
    sent: float

    def about(self) -> dict[str, Any]:
        """Return what a journal should say of it."""
        return {
            "instance": self.instance,
            "status": self.answer.status,
            "cache": self.answer.header("x-cache"),
            "requestId": self.answer.header("x-request-id"),
            "etag": self.answer.header("etag"),
        }


class Device:
    """Sends requests to processes chosen at random."""

    def __init__(self, name: str, ports: list[int], ledger: Ledger, random: Random, patience: float) -> None:
        """`patience` is the number of seconds after which it gives up a request."""
        self.name = name
        self.ledger = ledger
        self.random = random
        self.token = ""
        self.pinned: int | None = None
        """The process to ask, instead of any."""
        self._ports = ports
        self._patience = patience
        self._connections: list[Connection | None] = [None] * len(ports)
        self._avoided = [0.0] * len(ports)

    @property
    def instances(self) -> range:
        """The numbers of the processes."""
        return range(len(self._ports))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        instance: int | None = None,
    ) -> Reply | None:
        """Return a reply that is no failure; None if there is none, which was counted already."""
        chosen = self._choose() if instance is None else instance
        sent = time.monotonic()
        reads = method == "GET"
        try:
            answer = await self._exchange(chosen, self._bytes(method, path, body, headers or {}))
        except NoAnswer as error:
            self._avoided[chosen] = time.monotonic() + AVOID_SECONDS
            self._note_silence(error, sent, chosen, reads, f"{method} {path}")
            return None
        reply = Reply(answer, chosen, sent)
        return None if answer.status >= 500 and self._note_failure(reply, reads, f"{method} {path}") else reply

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            if connection is not None:
                connection.abort()

    def _choose(self) -> int:
        if self.pinned is not None:
            return self.pinned
        now = time.monotonic()
        usable = [number for number in self.instances if self._avoided[number] <= now]
        return self.random.choice(usable or self.instances)

    def _bytes(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        return request_bytes(method, path, headers, b"" if body is None else msgspec.json.encode(body))

    async def _exchange(self, instance: int, request: bytes) -> Answer:
        connection = self._connections[instance]
        if connection is not None and connection.is_open:
            try:
                return await connection.exchange(request, self._patience)
            except Lost:
                # The server may close an idle connection at the moment of the request: every request can be repeated.
                pass
        connection = self._connections[instance] = await connect(self._ports[instance], self._patience)
        return await connection.exchange(request, self._patience)

    def _excused(self, sent: float, instance: int, *, reads: bool) -> bool:
        # A frozen process may hold the lock that another one's write waits for; no read waits for a lock.
        return self.ledger.weather.excuses(sent, DATABASE, server(instance) if reads else "server")

    def _note_silence(self, error: NoAnswer, sent: float, instance: int, reads: bool, request: str) -> None:
        if self._excused(sent, instance, reads=reads):
            self.ledger.note_unanswered(sent)
        else:
            about = {"client": self.name, "request": request, "instance": instance}
            reason = f"{type(error).__name__}: {error}"
            waited = round(time.monotonic() - sent, 3)
            self.ledger.note_fault(Fault.SILENCE, sent, reason=reason, waited=waited, **about)

    def _note_failure(self, reply: Reply, reads: bool, request: str) -> bool:
        if reply.answer.status != 503:
            fault = Fault.SERVER_ERROR
        elif reply.answer.header("retry-after") is None:
            fault = Fault.NO_RETRY_AFTER
        elif self._excused(reply.sent, reply.instance, reads=reads):
            self.ledger.note_unavailable(reply.sent)
            self._avoided[reply.instance] = time.monotonic() + AVOID_SECONDS
            return True
        else:
            fault = Fault.BUSY
        body = reply.answer.body[:400].decode(errors="replace")
        about = {"client": self.name, "request": request, "body": body, **reply.about()}
        self.ledger.note_fault(fault, reply.sent, **about)
        return True
