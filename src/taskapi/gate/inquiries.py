"""What a request with a caller asks the gate: worked out at the first request of its kind, remembered for the next.

The kind is the caller, the route, the identifier in the path and the query. Everything else that may change the answer
is looked at with each request: what the gate cannot tell for sure – an odd header, a query that the route does not
take – the router is asked to, and nothing of it is kept.
"""

import re
from functools import lru_cache

from litestar.types import Scope

from taskapi.errors import Invalid
from taskapi.gate.admission import Question
from taskapi.gate.callers import Caller
from taskapi.gate.forms import Form
from taskapi.gate.forwarding import CONDITION
from taskapi.gate.gate import Gate
from taskapi.gate.limits import Limits, policy_header
from taskapi.gate.routes import Route
from taskapi.http.conditional import LONGEST, not_modified
from taskapi.http.hardening import Header
from taskapi.http.headers import Headers
from taskapi.kit.remembered import Remembered

HOST = re.compile(rb"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")
"""What the router takes for the name of a host."""

MOST = 16_384
"""Inquiries that were used last."""

LONGEST_QUERY = 256
"""Bytes of a query that is remembered."""

Kind = tuple[Caller, Route, str, bytes, bool]


class Inquiry:
    """What all requests of one kind ask."""

    __slots__ = ("form", "key", "policy")

    def __init__(self, form: Form, policy: Header) -> None:
        self.form = form
        self.key = form.question.body_key
        """Where the answer is kept; None if it is not."""
        self.policy = policy
        """The header that tells what the request counts against."""


class Inquiries:
    """Works out and remembers."""

    def __init__(self, gate: Gate, limits: Limits) -> None:
        self._gate = gate
        self._limits = limits
        self._usual_host = b""
        self._known: Remembered[Kind, Inquiry] = Remembered(MOST)

    def find(self, scope: Scope, headers: Headers, route: Route, item: str, caller: Caller) -> Inquiry:
        """Return what this request asks."""
        query = scope["query_string"] if route.cache is not None else b""
        kind = (caller, route, item, query, self._limits.exempts_address(scope))
        if route.cache is not None and not self._is_usual(headers):
            return self._made(kind, None)
        inquiry = self._known.find(kind)
        if inquiry is None:
            inquiry = self._made(kind, None if route.cache is None else route.body_key(caller.name, item, query))
            if len(query) <= LONGEST_QUERY:
                self._known.keep(kind, inquiry)
        return inquiry

    def _made(self, kind: Kind, key: str | None) -> Inquiry:
        caller, route, item, _, is_exempt = kind
        counters = () if is_exempt else self._limits.of_user(route.classes, caller.user_id)
        question = Question(
            user_id=caller.user_id,
            session_id=caller.session_id,
            counters=counters,
            field=None if key is None else route.field(item),
            body_key=key,
        )
        return Inquiry(self._gate.form(question), policy_header(counters))

    def _is_usual(self, headers: Headers) -> bool:
        """Say whether no header keeps the gate from answering; the router has to look at others."""
        host = headers.get(b"host", b"")
        if host != self._usual_host:
            if not HOST.fullmatch(host):
                return False
            self._usual_host = host
        condition = headers.get(CONDITION)
        if condition is not None and not (len(condition) <= LONGEST and _is_readable(condition)):
            return False
        return not headers.repeats(b"host", CONDITION)


@lru_cache(1024)
def _is_readable(condition: bytes) -> bool:
    try:
        not_modified(condition.decode("latin-1"), "")
    except Invalid:
        return False
    return True
