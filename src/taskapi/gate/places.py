"""A bounded number of places in front of PostgreSQL: who finds none is told so at once instead of waiting in vain."""

from collections.abc import Iterator
from contextlib import contextmanager

from taskapi.errors import Overloaded

MOST = 256


class Places:
    """Counts who is in."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a place for the length of the block; raises Overloaded if there is none."""
        if self._taken >= self._most:
            raise Overloaded("Too many requests wait for the database; try again shortly.")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
