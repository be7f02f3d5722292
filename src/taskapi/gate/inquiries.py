"""What a request with a caller asks the gate: worked out at the first request of its kind, remembered for the next.

The kind is the caller, the method, the path and the query. Everything else that may change the answer is looked at with
each request: what the gate cannot tell for sure – an odd header, a query that the route does not take – the router is
asked to, and no answer of its is kept.
"""

import re
from functools import lru_cache

from litestar.types import HTTPScope

from taskapi.errors import Invalid
from taskapi.gate.admission import Counter, Question
from taskapi.gate.callers import Caller
from taskapi.gate.forms import Form
from taskapi.gate.forwarding import CONDITION
from taskapi.gate.gate import Gate
from taskapi.gate.limits import Limits, policy_header
from taskapi.gate.routes import Found, Route
from taskapi.http.conditional import LONGEST as LONGEST_CONDITION
from taskapi.http.conditional import not_modified
from taskapi.http.hardening import Header
from taskapi.http.headers import AUTHORIZATION, Headers
from taskapi.kit.clock import Clock
from taskapi.kit.remembered import Remembered

HOST = re.compile(rb"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")
"""What the router takes for the name of a host."""

LEAST = 16_384
BYTES_OF_ANSWERS = 4096
"""The inquiries that were used last are remembered: one for so many bytes of answers that this process may keep, and no
fewer than the least. To make one anew is half as much work as all the rest of a request that memory answers."""

LONGEST = 256
"""Characters of path and query of a kind that is remembered."""

Kind = tuple[bytes, str, str, str, bytes, bool]


class Inquiry:
    """What all requests of one kind ask."""

    __slots__ = ("expires_at", "form", "key", "policy", "route")

    def __init__(self, route: Route, caller: Caller, form: Form, policy: Header) -> None:
        self.expires_at = caller.expires_at
        """From then on the caller's token is worth nothing."""
        self.route = route
        self.form = form
        self.key = form.question.body_key
        """Where the answer is kept; None if it is not."""
        self.policy = policy
        """The header that tells what the request counts against."""


class Inquiries:
    """Works out and remembers."""

    def __init__(self, gate: Gate, limits: Limits, clock: Clock, capacity: int) -> None:
        """`capacity`: bytes of answers that this process may keep."""
        self._gate = gate
        self._limits = limits
        self._clock = clock
        self._has_exemptions = limits.exempts_some_addresses
        self._usual_host = b""
        self._known: Remembered[Kind, Inquiry] = Remembered(max(LEAST, capacity // BYTES_OF_ANSWERS))

    def remembered(self, scope: HTTPScope, headers: Headers) -> Inquiry | None:
        """Return what this request asks, if one of its kind was here before and nothing else about it matters."""
        authorization = headers.get(AUTHORIZATION)
        if authorization is None or not self._is_usual(headers):
            return None
        inquiry = self._known.find(self._kind(scope, authorization))
        return None if inquiry is None or inquiry.expires_at <= self._clock() else inquiry

    def find(self, scope: HTTPScope, headers: Headers, found: Found, caller: Caller) -> Inquiry:
        """Return what this request asks, which is for the route that was found."""
        (route, item), query = found, scope["query_string"]
        if not self._is_usual(headers):
            return self._made(scope, found, caller, None)
        key = None if route.cache is None else route.body_key(caller.name, item, query)
        inquiry = self._made(scope, found, caller, key)
        if len(scope["path"]) + len(query) <= LONGEST and (route.cache is not None or not query):
            if scope["path"] == route.template:
                scope["path"] = route.template  # one for all who ask for the same
            self._known.keep(self._kind(scope, caller.header), inquiry)
        return inquiry

    def _kind(self, scope: HTTPScope, authorization: bytes) -> Kind:
        is_exempt = self._has_exemptions and self._limits.exempts_address(scope)
        root = scope.get("root_path", "")
        return (authorization, scope["method"], root, scope["path"], scope["query_string"], is_exempt)

    def _made(self, scope: HTTPScope, found: Found, caller: Caller, key: str | None) -> Inquiry:
        route, item = found
        counters: tuple[Counter, ...] = ()
        if not self._limits.exempts_address(scope):
            counters = self._limits.of_user(route.classes, caller.user_id, caller.name)
        question = Question(
            user_id=caller.user_id,
            session_id=caller.session_id,
            counters=counters,
            field=None if key is None else route.field(item),
            body_key=key,
        )
        return Inquiry(route, caller, self._gate.form(question), policy_header(counters))

    def _is_usual(self, headers: Headers) -> bool:
        """Say whether no header keeps the gate from answering; the router has to look at others."""
        host = headers.get(b"host", b"")
        if host != self._usual_host:
            if not HOST.fullmatch(host):
                return False
            self._usual_host = host
        condition = headers.get(CONDITION)
        if condition is not None and not (len(condition) <= LONGEST_CONDITION and _is_readable(condition)):
            return False
        return not headers.repeats(AUTHORIZATION, b"host", CONDITION)


@lru_cache(1024)
def _is_readable(condition: bytes) -> bool:
    try:
        not_modified(condition.decode("latin-1"), "")
    except Invalid:
        return False
    return True
