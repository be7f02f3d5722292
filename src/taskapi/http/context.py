"""What belongs to the request in progress and everybody may ask for: its id."""

import re

from taskapi.kit import request

ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._~-]{1,64}")
"""A caller's own request id is taken over only if it can do no harm in a log line, or in a comment of SQL."""


def request_id() -> str:
    """Return the id of the request in progress; empty outside of one."""
    return request.request_id.get()


def set_request_id(value: str) -> None:
    """Name the request in progress, in every log line about it too."""
    request.request_id.set(value)
