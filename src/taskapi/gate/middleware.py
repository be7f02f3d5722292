"""The gate's HTTP side: stands in front of the router and asks everything that a request needs to know first at once.

Pure ASGI. A request with a caller makes one trip – two, if it meets a write of this process – and is refused, answered
from what is kept, or passed on to the router with its caller in the scope. Nothing kept is sent unless that very trip
said that it is right.
"""

from collections.abc import Awaitable, Iterator, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from litestar import Litestar
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from taskapi.contracts import audit
from taskapi.contracts.identity import Principal, Role
from taskapi.errors import Error, Overloaded, Unauthenticated
from taskapi.gate.admission import Admission, Question
from taskapi.gate.answers import Prepared
from taskapi.gate.callers import Callers
from taskapi.gate.forwarding import CONDITION, adding
from taskapi.gate.gate import Gate
from taskapi.gate.inquiries import Inquiries, Inquiry
from taskapi.gate.limits import Limits, policy_header, refusal, state_header
from taskapi.gate.responses import BYPASS, HIT_MEMORY, HIT_REDIS, MISS, Found, Responses, Wanted
from taskapi.gate.routes import Route, Routes
from taskapi.http.conditional import not_modified
from taskapi.http.context import request_id
from taskapi.http.hardening import Hardened, Header
from taskapi.http.headers import AUTHORIZATION, HTTP, Headers, headers_of
from taskapi.http.problems import send_error
from taskapi.kit.metrics import Instrument, Kind, Labels, Reading
from taskapi.kit.tracing import spanned


class Entrance:
    """Wraps the router."""

    def __init__(self, router: Litestar, gate: Gate, callers: Callers, limits: Limits, responses: Responses) -> None:
        self._router = spanned("router", router)
        self._routes = Routes(router)
        self._gate = gate
        self._callers = callers
        self._limits = limits
        self._responses = responses
        self._inquiries = Inquiries(gate, limits, callers.clock, responses.capacity)
        self.served = {name: 0 for _, name in (HIT_MEMORY, HIT_REDIS, MISS, BYPASS)}
        """How many answers of routes whose answers are kept came from where."""

    def operations(self) -> Iterator[tuple[str, str, int]]:
        """Yield method, route template and usual status of each operation."""
        return self._routes.operations()

    def instruments(self) -> Iterator[Instrument]:
        """Yield what is measured here."""
        served, kinds = self.served, ("cache_type",)

        def hits() -> Mapping[Labels, float]:
            return {("memory",): served[HIT_MEMORY[1]], ("redis",): served[HIT_REDIS[1]]}

        yield Reading("cache_hits", "Answers sent as they were kept, by where.", hits, kinds, kind=Kind.COUNTER)
        yield Reading("cache_misses", "Answers loaded to be kept.", lambda: served[MISS[1]], kind=Kind.COUNTER)
        yield Reading("cache_bypasses", "Answers that could not be kept.", lambda: served[BYPASS[1]], kind=Kind.COUNTER)
        yield Reading("cache_memory_bytes", "Memory that kept answers take.", lambda: self._responses.memory_used)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request; what is no request, or is for no route, is the router's."""
        if scope["type"] != HTTP:
            return self._router(scope, receive, send)
        headers = headers_of(scope)
        inquiry = self._inquiries.remembered(scope, headers)
        if inquiry is None:
            return self._look(scope, receive, send, headers)
        scope["path_template"] = inquiry.route.template
        return self._serve_caller(scope, receive, send, headers, inquiry)

    def _look(self, scope: HTTPScope, receive: Receive, send: Send, headers: Headers) -> Awaitable[None]:
        """Serve a request that none like it was remembered of."""
        found = self._routes.find(scope)
        if found is None:
            return self._router(scope, receive, send)
        route, _ = found
        scope["path_template"] = route.template
        if route.public:
            return self._serve_anybody(scope, receive, send, route)
        caller = self._callers.find(headers.get(AUTHORIZATION))
        if caller is None or headers.repeats(AUTHORIZATION):
            return send_error(send, Unauthenticated())
        inquiry = self._inquiries.find(scope, headers, found, caller)
        return self._serve_caller(scope, receive, send, headers, inquiry)

    async def is_administrator(self, scope: Scope) -> bool:
        """Say whether an administrator asks something that anybody may ask; raises Overloaded. Nothing is counted."""
        headers = headers_of(scope)
        caller = self._callers.find(headers.get(AUTHORIZATION))
        if caller is None or caller.role != Role.ADMIN or headers.repeats(AUTHORIZATION):
            return False
        form = self._gate.form(Question(user_id=caller.user_id, session_id=caller.session_id))
        principal = (await self._gate.admit(form)).principal
        return principal is not None and principal.is_admin

    async def _serve_anybody(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        audit.act_as(partial(self._actor, scope))
        counters = self._limits.of_address(route.classes, scope)
        if not counters:
            await self._router(scope, receive, send)
            return
        try:
            admission = await self._gate.count(counters)
        except Overloaded as error:
            await send_error(send, error)
            return
        told = [policy_header(counters), state_header(admission.verdicts)]
        if refused := admission.refused:
            names = [f"{verdict.counter.allowance.name} a minute" for verdict in refused]
            audit.tell(audit.Kind.ATTEMPTS_LIMITED, limits=names)
            await send_error(send, refusal(refused), told)
        else:
            await self._router(scope, receive, adding(send, told))

    async def _serve_caller(
        self, scope: HTTPScope, receive: Receive, send: Send, headers: Headers, inquiry: Inquiry
    ) -> None:
        route = inquiry.route
        told: list[Header] = []
        try:
            held = None if inquiry.key is None else self._responses.held(inquiry.key)
            admission = await self._gate.admit(inquiry.form, None if held is None else held.stamp)
            if admission.verdicts:
                told = [inquiry.policy, state_header(admission.verdicts)]
            if admission.principal is None:
                raise _reason(admission)
            if held is not None and admission.held_is_fresh:
                found: Found | None = (held, HIT_MEMORY)
            elif inquiry.key is not None and route.cache is not None:
                wanted = Wanted(scope, inquiry.form.question, route.cache.seconds)
                found = await self._responses.find(wanted, admission)
            else:
                found = None
        except Error as error:  # the gate's own: the router answers its errors itself
            await send_error(send, error, told)
            return
        if found is not None:
            start, body = self._messages(*found, headers.get(CONDITION), told)
            await send(start)
            await send(body)
        else:
            await self._forward(scope, receive, send, route, admission.principal, told)

    async def _forward(
        self, scope: Scope, receive: Receive, send: Send, route: Route, caller: Principal, told: list[Header]
    ) -> None:
        if route.cache is not None:
            self.served[BYPASS[1]] += 1
            told = [BYPASS, *told]
        scope["user"] = caller
        audit.act_as(partial(self._actor, scope, caller.user_id))
        await self._router(scope, receive, adding(send, told) if told else send)

    def _actor(self, scope: Scope, user_id: UUID | None = None) -> audit.Actor:
        return audit.Actor(user_id, self._limits.address_of(scope))

    def _messages(
        self, prepared: Prepared, origin: Header, condition: bytes | None, told: list[Header]
    ) -> tuple[Message, Message]:
        self.served[origin[1]] += 1
        if condition is not None and prepared.etag is not None and _is_known(condition, prepared.etag):
            status, headers, content = 304, prepared.unchanged, b""
        elif prepared.answer.rest is None:
            status, headers, content = prepared.answer.status, prepared.headers, prepared.answer.body
        else:
            status, content = prepared.answer.status, prepared.answer.content(request_id())
            headers = prepared.headers_for(content)
        start: Any = {"type": "http.response.start", "status": status, "headers": Hardened((*headers, origin, *told))}
        return start, {"type": "http.response.body", "body": content, "more_body": False}


def _reason(admission: Admission) -> Error:
    """Return why a request with a caller is not admitted."""
    refused = admission.refused
    return refusal(refused) if refused else Unauthenticated()


def _is_known(condition: bytes, etag: bytes) -> bool:
    return condition == etag or not_modified(condition.decode("latin-1"), etag.decode("latin-1"))
