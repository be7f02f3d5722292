"""The policies that routes declare. They are data: who enforces them reads them, no route acts on them."""

from enum import StrEnum

import msgspec

LIMITS = "limits"
"""The name under which a route declares its limit classes."""

CACHE = "cache"
"""The name under which a route declares its cache policy."""


class LimitClass(StrEnum):
    """What a request counts against."""

    READ = "read"
    WRITE = "write"
    BATCH = "batch"
    ADMIN = "admin"
    LOGIN = "login"
    REGISTER = "register"
    NONE = "none"


class CachePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer is kept, for how long, and which version of the caller's data it depends on."""

    key: str
    """The key in Redis; `{userId}` and `{taskId}` are filled in, `{query}` is the canonical query."""

    seconds: int
    """Time to live."""

    field: str
    """The version field; `{taskId}` is filled in."""
