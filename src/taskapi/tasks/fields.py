"""The fields that people fill in, and what is allowed in them.

Text is brought into Unicode's composed form (NFC) and otherwise left as it came; nothing is cut, trimmed or merged, so
whatever does not fit is refused. Lengths count code points of the composed form, which is why the decoder does not
check them: `e` and a combining accent are one letter here, but two there.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from taskapi.errors import Violation
from taskapi.kit.text import MOST_MARKS, has_control_characters, has_stacked_marks, is_blank, normalized

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 20_000
LONGEST_LABEL = 50
MOST_LABELS = 20
STACKED = f"More than {MOST_MARKS} combining marks in a row"
LINES = "\n\r\t"
"""The control characters that a description may hold."""

EARLIEST_DUE = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_DUE = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)

CONTROL = r"\u0000-\u001f\u007f-\u009f"
ONE_LINE = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"
MANY_LINES = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
YEARS = "^(19[7-9][0-9]|[2-9][0-9]{3})-"
"""What JSON Schema says of a time, besides its format."""


def _text(shortest: int, longest: int, pattern: str) -> dict[str, Any]:
    return {"minLength": shortest, "maxLength": longest, "pattern": pattern}


Title = Annotated[
    str,
    Meta(
        description="What is to be done, in one line.",
        examples=["Buy milk"],
        extra_json_schema=_text(1, LONGEST_TITLE, ONE_LINE),
    ),
]
Description = Annotated[
    str,
    Meta(
        description="Details; line breaks and tabs are fine.",
        examples=["Two litres, the blue one."],
        extra_json_schema=_text(0, LONGEST_DESCRIPTION, MANY_LINES),
    ),
]
LABEL = _text(1, LONGEST_LABEL, ONE_LINE)
"""What JSON Schema says of a label."""

Label = Annotated[str, Meta(examples=["home"], extra_json_schema=LABEL)]
Labels = Annotated[
    tuple[Label, ...],
    Meta(
        description="Words to find tasks by, each at most once; their order is kept.",
        examples=[["home", "shopping"]],
        extra_json_schema={"maxItems": MOST_LABELS, "uniqueItems": True},
    ),
]
Moment = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339 with a zone, from 1970 to 9999.",
        examples=["2026-12-24T18:00:00Z"],
        extra_json_schema={"pattern": YEARS},
    ),
]


def composed(value: Any) -> Any:
    """Return a text, or each of several, in Unicode's composed form; anything else as it is."""
    if isinstance(value, str):
        return normalized(value)
    return tuple(normalized(label) for label in value) if isinstance(value, tuple) else value


def compose(fields: msgspec.Struct, *names: str) -> None:
    """Bring these fields of a decoded structure into Unicode's composed form, before anybody else sees it."""
    for name in names:
        msgspec.structs.force_setattr(fields, name, composed(getattr(fields, name)))


def title_violations(title: str) -> Iterator[Violation]:
    """Yield what is wrong with a title."""
    yield from line_violations(title, LONGEST_TITLE, "/title")


def description_violations(description: str) -> Iterator[Violation]:
    """Yield what is wrong with a description."""
    if len(description) > LONGEST_DESCRIPTION:
        yield Violation("/description", f"Expected at most {LONGEST_DESCRIPTION} characters")
    if has_control_characters(description, LINES):
        yield Violation("/description", "Control characters are not allowed, except line breaks and tabs")
    if has_stacked_marks(description):
        yield Violation("/description", STACKED)


def labels_violations(labels: tuple[str, ...]) -> Iterator[Violation]:
    """Yield what is wrong with labels; a repeated one is refused, not merged."""
    if len(labels) > MOST_LABELS:
        yield Violation("/labels", f"Expected at most {MOST_LABELS} labels")
        return
    for place, label in enumerate(labels):
        yield from line_violations(label, LONGEST_LABEL, f"/labels/{place}")
        if label in labels[:place]:
            yield Violation(f"/labels/{place}", "This label is there already")


def due_violations(due_at: datetime) -> Iterator[Violation]:
    """Yield what is wrong with a due date."""
    if not EARLIEST_DUE <= due_at <= LATEST_DUE:
        yield Violation("/dueAt", "Expected a time from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59.999Z")


def line_violations(value: str, longest: int, pointer: str) -> Iterator[Violation]:
    """Yield what is wrong with one line of text."""
    if not 1 <= len(value) <= longest:
        yield Violation(pointer, f"Expected 1 to {longest} characters")
    if has_control_characters(value):
        yield Violation(pointer, "Control characters are not allowed")
    if has_stacked_marks(value):
        yield Violation(pointer, STACKED)
    if value and is_blank(value):
        yield Violation(pointer, "Expected something to read")
