"""For which request something is done: its id stands in log lines, and in the BEGIN of its transactions."""

from contextvars import ContextVar

from structlog.contextvars import STRUCTLOG_KEY_PREFIX

request_id: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id", default="")
"""Empty outside of a request. Named so that structlog puts it into every log line by itself; whoever sets it sees to it
that it can do no harm there, nor in a comment of SQL."""

trace_id: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}trace_id")
span_id: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}span_id")
"""Set where the request is traced, and then in every log line too."""
