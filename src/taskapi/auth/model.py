"""What sessions and origins are, what makes an acceptable password, and what can go wrong; pure.

Lengths of text are counted in Unicode code points.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.errors import Forbidden, Missing, Unauthenticated

VersionCheck = Callable[[int], None]
"""Looks at the current version of a person who is about to change; raises PreconditionFailed."""

SESSIONS_PER_PERSON = 100
"""A log-in beyond that ends the oldest session."""

LONGEST_DEVICE = 200
SEEN_EVERY = timedelta(minutes=1)
"""How exactly a session's last use is known: writing it with every request would make every read a write."""

KNOWN_ADDRESSES_PER_PERSON = 20
KNOWN_ADDRESS_DAYS = 90
"""An address is a person's usual one until so many days after the last log-in from it."""


class CredentialsWrong(Unauthenticated):
    """There is no account with this e-mail address and password."""

    code = "credentials-wrong"


class PasswordWrong(Forbidden):
    """The password is not right."""

    code = "password-wrong"


class AccountDisabled(Forbidden):
    """An administrator disabled this account."""

    code = "account-disabled"


class SessionMissing(Missing):
    """There is no such session, or it is not yours."""

    code = "session-not-found"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request came from."""

    address: str
    network: str
    """What limits count as one address: the address itself, or its /64 network."""

    device: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's being logged in on one device."""

    id: UUID
    role: Role
    device: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The stored password of a person; `changed_at` tells one password from the next, whatever the hash."""

    password_hash: str
    changed_at: datetime


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a person changes about the own account; None leaves it as it is."""

    name: str | None = None
    email: str | None = None
    password: str | None = None
    """The current one."""


class LoggedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A session's beginning."""

    person: Person
    token: str


def device_of(user_agent: str) -> str:
    """Return what a `User-Agent` says, without what could do harm where it is shown, cut to LONGEST_DEVICE."""
    return "".join(character for character in user_agent if character.isprintable())[:LONGEST_DEVICE]
