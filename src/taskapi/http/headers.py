"""The headers of a request as a table, made once for all who look into it."""

from collections.abc import Collection
from typing import Any, Final, Literal, cast

from litestar.enums import ScopeType
from litestar.types import Scope

HTTP: Final[Literal[ScopeType.HTTP]] = cast(Any, ScopeType.HTTP.value)
"""The type of a scope that is a request; the text itself, for looking into the enumeration costs more."""

AUTHORIZATION = b"authorization"

TABLE = "taskapi.headers"
"""Where the table lies in the scope."""


class Headers(dict[bytes, bytes]):
    """The last value of each name, in small letters as ASGI sends them; made by `headers_of`."""

    __slots__ = ("sent",)

    sent: Collection[tuple[bytes, bytes]]
    """All of them, as they were sent. Set from outside: with an `__init__` the table would cost four times as much."""

    def repeats(self, *names: bytes) -> bool:
        """Say whether a header of one of these names was sent more than once."""
        if len(self) == len(self.sent):  # nearly always
            return False
        return any(sum(each == name for each, _ in self.sent) > 1 for name in names)


def headers_of(scope: Scope) -> Headers:
    """Return the request's headers."""
    found: Any = scope.get(TABLE)
    if found is None:
        sent: Any = scope["headers"]
        scope[TABLE] = found = Headers(sent)  # type: ignore[literal-required]
        found.sent = sent
    return found  # type: ignore[no-any-return]  # to say what it is with `cast` costs a call with every look
