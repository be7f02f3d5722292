"""Text that people write: one Unicode form, no control characters. Nothing here cuts or trims anything."""

import re
import unicodedata

MOST_MARKS = 30
"""Combining marks in a row, as in Unicode's stream-safe text (UAX #15 §13); no language needs as many. Composing sorts
each row, which takes time by the square of its length."""

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc: NUL, escape, delete, C1. Joiners and direction marks are none: scripts and emoji need them."""


def normalized(value: str) -> str:
    """Return `value` in Unicode's composed form (NFC), so that what looks the same is the same.

    Text with too many marks in a row is returned as it is, for whoever gets it to refuse.
    """
    return value if value.isascii() or has_stacked_marks(value) else unicodedata.normalize("NFC", value)


def has_stacked_marks(value: str) -> bool:
    """Say whether there are more than MOST_MARKS combining marks in a row somewhere."""
    if value.isascii():
        return False
    row = 0
    for character in value:
        row = row + 1 if unicodedata.combining(character) else 0
        if row > MOST_MARKS:
            return True
    return False


def has_control_characters(value: str, allowed: str = "") -> bool:
    """Say whether `value` holds a control character that is not in `allowed`."""
    return any(character not in allowed for character in CONTROL_CHARACTERS.findall(value))


def is_blank(value: str) -> bool:
    """Say whether there is nothing but white space."""
    return not value.strip()
