"""Text that people write: one Unicode form, no control characters. Nothing here cuts or trims anything."""

import re
import unicodedata

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc: NUL, escape, delete, C1. Joiners and direction marks are none: scripts and emoji need them."""


def normalized(value: str) -> str:
    """Return `value` in Unicode's composed form (NFC), so that what looks the same is the same."""
    return unicodedata.normalize("NFC", value)


def has_control_characters(value: str, allowed: str = "") -> bool:
    """Say whether `value` holds a control character that is not in `allowed`."""
    return any(character not in allowed for character in CONTROL_CHARACTERS.findall(value))


def is_blank(value: str) -> bool:
    """Say whether there is nothing but white space."""
    return not value.strip()
