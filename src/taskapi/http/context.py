"""What belongs to the request in progress: its id, which everybody may ask for, and its trace, if it has one."""

import re

from taskapi.kit import request

ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._~-]+")
LONGEST_ID = 64


def is_acceptable(request_id: bytes) -> bool:
    """Say whether a caller's own request id can do no harm in a log line, or in a comment of SQL."""
    if len(request_id) > LONGEST_ID:
        return False
    return request_id.isalnum() or ACCEPTABLE_ID.fullmatch(request_id) is not None  # nearly always the first, in ASCII


def request_id() -> str:
    """Return the id of the request in progress; empty outside of one."""
    return request.request_id.get()


def set_trace(trace_id: str, span_id: str) -> None:
    """Name the trace of the request in progress, in every log line about it."""
    request.trace_id.set(trace_id)
    request.span_id.set(span_id)
