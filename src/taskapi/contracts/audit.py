"""The audit trail: a log line for each security event, whatever the log's level, and none that is made up.

What a transaction told of is written here after its commit, for all domains; what leaves nothing in the database, such
as a wrong password, by whoever refuses it. No line holds an e-mail address, a name or anything else that people wrote.
"""

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs

from taskapi.contracts import events
from taskapi.kit.database import Database, Transaction
from taskapi.kit.outbox import Event
from taskapi.kit.seals import Seals
from taskapi.kit.telemetry import logger

TRAIL = "taskapi.audit"
"""The logger of all these lines."""

logging.getLogger(TRAIL).setLevel(logging.INFO)  # its own, which no other changes


class Kind(StrEnum):
    """What lines there are."""

    LOGGED_IN = "log-in succeeded"
    LOG_IN_FAILED = "log-in failed"
    PASSWORD_REFUSED = "password refused"  # noqa: S105 - says that one was wrong
    ATTEMPTS_LIMITED = "attempts limited"
    SESSION_ENDED = "session ended"
    ALL_SESSIONS_ENDED = "all sessions ended"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - says that there is another
    ACCOUNT_MADE = "account made"
    ACCOUNT_CHANGED = "account changed"
    ACCOUNT_REMOVED = "account removed"
    ROLE_CHANGED = "role changed"
    ACCOUNT_DISABLED = "account disabled"
    ACCOUNT_ENABLED = "account enabled"


KINDS: Mapping[type[Event], Kind] = {
    events.SessionStarted: Kind.LOGGED_IN,
    events.SessionsEnded: Kind.SESSION_ENDED,
    events.PasswordChanged: Kind.PASSWORD_CHANGED,
    events.UserRegistered: Kind.ACCOUNT_MADE,
    events.UserUpdated: Kind.ACCOUNT_CHANGED,
    events.UserRemoved: Kind.ACCOUNT_REMOVED,
    events.RoleChanged: Kind.ROLE_CHANGED,
    events.UserDisabled: Kind.ACCOUNT_DISABLED,
    events.UserEnabled: Kind.ACCOUNT_ENABLED,
}
"""Which line tells of which event."""


told: dict[str, float] = {kind.value: 0 for kind in Kind}
"""How many lines of each kind this process has written."""


class Actor(msgspec.Struct, frozen=True):
    """Who does something, and from where."""

    user_id: UUID | None
    """None: nobody who is logged in."""

    address: str


_actor: ContextVar[Callable[[], Actor] | None] = ContextVar("actor", default=None)


def act_as(find: Callable[[], Actor]) -> None:
    """Say how to find out who makes the request in progress; done only where a line is written."""
    _actor.set(find)


def tell(kind: Kind, **what: Any) -> None:
    """Write one line now."""
    find = _actor.get()
    actor = find() if find is not None else Actor(None, "")
    by = what.pop("by", None) or actor.user_id
    entry = {"by": by, "address": actor.address or None, **what}
    logger(TRAIL).info(kind.value, **msgspec.to_builtins(entry))
    told[kind.value] += 1


def tell_all_from(database: Database) -> None:
    """Write a line for each event of a transaction that tells of one, once it is committed."""
    database.hooks.after_commit.insert(0, _tell_events)  # before what might fail


def pseudonym(seals: Seals, email: str) -> str:
    """Return what stands for an e-mail address: always the same, and without the secret nobody knows for which."""
    return seals.digest(b"audit", email.casefold().encode()).hex()[:32]


async def _tell_events(transaction: Transaction) -> None:
    for event in transaction.events:
        kind = KINDS.get(type(event))
        if kind is None:
            continue
        what = structs.asdict(event)
        if what.pop("everywhere", False):
            kind = Kind.ALL_SESSIONS_ENDED
        tell(kind, **what)
