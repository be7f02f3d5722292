"""The headers of a request as a table, made once for all who look into it."""

from collections.abc import Collection
from typing import Any, Final, Literal, cast

from litestar.enums import ScopeType
from litestar.types import Scope

HTTP: Final[Literal[ScopeType.HTTP]] = cast(Any, ScopeType.HTTP.value)
"""The type of a scope that is a request; the text itself, for looking into the enumeration costs more."""

TABLE = "taskapi.headers"
"""Where the table lies in the scope."""


class Headers(dict[bytes, bytes]):
    """The last value of each name, in small letters as ASGI sends them."""

    __slots__ = ("_sent",)

    def __init__(self, scope: Scope) -> None:
        self._sent = cast(Collection[tuple[bytes, bytes]], scope["headers"])
        super().__init__(self._sent)

    def repeats(self, *names: bytes) -> bool:
        """Say whether a header of one of these names was sent more than once."""
        if len(self) == len(self._sent):  # nearly always
            return False
        return any(sum(each == name for each, _ in self._sent) > 1 for name in names)


def headers_of(scope: Scope) -> Headers:
    """Return the request's headers."""
    found = scope.get(TABLE)
    if found is None:
        scope[TABLE] = found = Headers(scope)  # type: ignore[literal-required]
    return cast(Headers, found)
