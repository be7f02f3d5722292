"""What may stand in a log line: only kinds of values that are known, and texts without what is private in them.

An exception's message may quote what somebody sent. Of an error of the database only what cannot: its state and the
names of the schema; of errors about values what stands before the first quotation mark.
"""

import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Any
from uuid import UUID

import asyncpg
from structlog.typing import EventDict, WrappedLogger

HIDDEN = "…"
NEVER = frozenset({"password", "token", "secret", "authorization", "cookie", "email", "title", "description", "body"})
"""Parts of names whose values are hidden, whatever they are: `token` is one of `access_token`."""

LONGEST = 4_000
"""Characters of a text; what somebody sent may be as long as they like."""

OPENING = "password|passwd|secret|token"
OF_HEADERS = "cookie|authorization"
SEPARATOR = r"""[\\"'\]]*+\s*+[=:][=:>]*+"""
VALUE = r"""(?:b?\\*+"(?:[^"\\]|\\.)*+"?|b?\\*+'(?:[^'\\]|\\.)*+'?|\S++)"""
OF_ADDRESS = r"[^\s@<>()\"'`,;:/]"


def _word_with(parts: str) -> str:
    """Return a pattern of a whole word with one of these parts in it; a word is looked through once."""
    return rf"(?<![\w-])(?>[\w-]*?(?:{parts}))[\w-]*+"


PRIVATE = (
    (re.compile(r"(?<=://)\S{0,300}@"), f"{HIDDEN}@"),  # of an address: who logs in, and with what
    (re.compile(rf"(?i)({_word_with(OF_HEADERS)}(?:{SEPARATOR}|['\"]\s*+,)[^\S\r\n]*+)[^\r\n]++"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?is)({_word_with(OPENING)}{SEPARATOR}\s*+){VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s+)\S+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w-])eyJ[\w-]++\.[\w-]++\.[\w-]++"), HIDDEN),  # a JSON Web Token
    (re.compile(rf"(?<!{OF_ADDRESS}){OF_ADDRESS}++@{OF_ADDRESS}+\.{OF_ADDRESS}+"), f"{HIDDEN}@{HIDDEN}"),
)
LAST_WORD = re.compile(r"(?<!\S)\S++\Z")
QUOTATION = re.compile(r"['\"`‘“].*", re.DOTALL)
QUOTING = (ValueError, LookupError, asyncpg.InterfaceError)
"""Errors about values, whose messages quote them."""

NAMES = ("schema_name", "table_name", "column_name", "constraint_name")
"""What an error of the database says of the schema, which holds nothing of anybody."""

MOST_FRAMES = 50
DEEPEST = 5
AS_THEY_ARE = (bool, int, float, type(None))
AS_TEXT = (str, UUID, date, timedelta, PurePath)


class Redaction:
    """The processor through which every line goes, ours and those of libraries."""

    def __init__(self, *, pretty: bool) -> None:
        """`pretty`: write tracebacks as text."""
        self._pretty = pretty

    def __call__(self, _: WrappedLogger, __: str, entry: EventDict) -> EventDict:
        """Return what may be written of an entry."""
        error = _error_of(entry.pop("exc_info", None))
        entry.pop("stack_info", None)
        shown: EventDict = {name: HIDDEN if _is_private(name) else shown_value(entry[name]) for name in entry}
        if error is not None:
            told = traced(error)
            shown["exception"] = "\n".join(_lines(told)) if self._pretty else told
        return shown


def scrubbed(text: str) -> str:
    """Return a text without passwords in addresses, tokens and e-mail addresses, and not longer than LONGEST.

    The time is proportional to the length, whatever is in it: a pattern begins nowhere but where a word does.
    """
    shown = text[: 2 * LONGEST]  # so that nothing private is cut in two before it is found
    for pattern, instead in PRIVATE:
        shown = pattern.sub(instead, shown)
    if len(text) > 2 * LONGEST:
        shown = LAST_WORD.sub("", shown)  # half of one is not known for what it is
    return shown if len(text) <= LONGEST else shown[:LONGEST] + HIDDEN


def unquoted(text: str) -> str:
    """Return what stands before the first quotation mark of a sentence about something that somebody sent."""
    return QUOTATION.sub(HIDDEN, text)


def message_of(error: BaseException) -> str:
    """Return what may be told of an exception besides its class."""
    if isinstance(error, asyncpg.PostgresError):
        names = (getattr(error, name, None) for name in NAMES)
        return " ".join([f"SQLSTATE {error.sqlstate}", *(str(name) for name in names if name)])
    text = str(error)
    return scrubbed(unquoted(text) if isinstance(error, QUOTING) else text)


def traced(error: BaseException) -> list[dict[str, Any]]:
    """Return an exception and those behind it, each with its frames, but no variables."""
    stacks, is_cause, seen = [], False, set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        stack = {"exc_type": type(current).__name__, "exc_value": message_of(current), "is_cause": is_cause}
        stack["frames"] = _frames(current.__traceback__)
        if isinstance(current, BaseExceptionGroup):
            stack["exceptions"] = [traced(one) for one in current.exceptions]
        stacks.append(stack)
        is_cause = current.__cause__ is not None
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return stacks


def shown_value(value: Any, depth: int = 0) -> Any:
    """Return what is written for a value; of one of an unknown kind that is the kind's name."""
    if isinstance(value, AS_THEY_ARE):
        return value
    if isinstance(value, Enum):
        return shown_value(value.value, depth)
    if isinstance(value, AS_TEXT):
        return scrubbed(str(value))
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {message_of(value)}"
    if depth < DEEPEST and isinstance(value, Mapping):
        return {
            str(shown_value(name)): HIDDEN if _is_private(name) else shown_value(value[name], depth + 1)
            for name in value
        }
    if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [shown_value(one, depth + 1) for one in value]
    return f"<{type(value).__name__}>"


def _is_private(name: object) -> bool:
    lowered = str(name).lower()
    return any(part in lowered for part in NEVER)


def _error_of(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exception() if given else None


def _frames(at: TracebackType | None) -> list[dict[str, Any]]:
    frames = [
        {"filename": frame.f_code.co_filename, "lineno": line, "name": frame.f_code.co_name}
        for frame, line in traceback.walk_tb(at)
    ]
    return frames[-MOST_FRAMES:]


def _lines(stacks: list[dict[str, Any]]) -> Iterator[str]:
    for stack in reversed(stacks):
        for frame in stack["frames"]:
            yield f'  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
        yield f"{stack['exc_type']}: {stack['exc_value']}"
        for group in stack.get("exceptions", ()):
            yield from (f"  | {line}" for line in _lines(group))
