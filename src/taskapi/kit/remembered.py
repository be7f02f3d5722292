"""A bounded memory for what can be worked out again: two tables; when the younger is full, the older is dropped.

Finding and keeping cost the same however much is remembered. In a table that forgets its first entries one by one they
do not: it walks over the places of all that it forgot before.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Remembers the `most` entries that were kept or found last, and at most twice as many."""

    __slots__ = ("_most", "_old", "_young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, key: Key) -> Value | None:
        """Return what is remembered, or None."""
        found = self._young.get(key)
        if found is None and self._old:
            found = self._old.pop(key, None)
            if found is not None:
                self.keep(key, found)
        return found

    def keep(self, key: Key, value: Value) -> None:
        """Remember something."""
        if len(self._young) >= self._most and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def forget(self, key: Key) -> None:
        """Let go of something."""
        self._young.pop(key, None)
        self._old.pop(key, None)
