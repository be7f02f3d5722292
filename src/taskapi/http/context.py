"""What belongs to the request in progress and everybody may ask for: its id."""

import re
from contextvars import ContextVar

from structlog.contextvars import STRUCTLOG_KEY_PREFIX

_request_id: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id", default="")
"""Named so that structlog puts it into every log line by itself."""

ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._~-]{1,64}")
"""A caller's own request id is taken over only if it can do no harm in a log line."""


def request_id() -> str:
    """Return the id of the request in progress; empty outside of one."""
    return _request_id.get()


def set_request_id(value: str) -> None:
    """Name the request in progress, in every log line about it too."""
    _request_id.set(value)
