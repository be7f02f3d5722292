"""Where a request's trace begins: by itself, or as part of its caller's (W3C Trace Context)."""

from litestar.types import Scope

from taskapi.http.context import set_trace
from taskapi.http.headers import headers_of
from taskapi.kit.tracing import Trace, Tracer

PARENT, STATE = b"traceparent", b"tracestate"


def begun(tracer: Tracer, scope: Scope, method: str) -> Trace:
    """Begin a request's trace, and name it in every log line of the request.

    A caller that names two parents names none; of `tracestate`, which may be sent in parts, all are taken.
    """
    headers = headers_of(scope)
    parent = b"" if headers.repeats(PARENT) else headers.get(PARENT, b"")
    state = b",".join(value for name, value in scope["headers"] if name == STATE)
    trace = tracer.begin(method, parent.decode("latin-1"), state.decode("latin-1"))
    set_trace(trace.trace_id, trace.span_id)
    return trace
