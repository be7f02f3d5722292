"""The passwords that everybody tries first, shipped as a list (its source: docs/decisions/0004-common-passwords.md)."""

from pathlib import Path

LIST = Path(__file__).with_suffix(".txt")
"""One a line, in small letters, none shorter than a password may be."""

_COMMON = frozenset(LIST.read_text(encoding="utf-8").splitlines())


def is_common(password: str) -> bool:
    """Say whether `password` is on the list, in whatever case."""
    return password.casefold() in _COMMON
