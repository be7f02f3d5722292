"""Who is who, and whose sessions live: what the domains users and auth do for each other."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from taskapi.contracts.identity import Role
from taskapi.errors import Conflict
from taskapi.kit.database import ReadConnection, Transaction


class EmailTaken(Conflict):
    """There is an account with this e-mail address already."""

    code = "email-taken"


class LastAdmin(Conflict):
    """This is the last administrator who is not disabled; make somebody else an administrator first."""

    code = "last-admin"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person with an account."""

    id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None
    version: int = 1

    @property
    def disabled(self) -> bool:
        """Whether an administrator locked this person out."""
        return self.disabled_at is not None


class Directory(Protocol):
    """Finds, adds, changes and removes people."""

    async def find(self, connection: ReadConnection, user_id: UUID) -> Person | None:
        """Return the person with this id, if there is one."""
        ...

    async def find_by_email(self, connection: ReadConnection, email: str) -> Person | None:
        """Return the person with this address (in any case), if there is one."""
        ...

    async def hold(self, transaction: Transaction, user_id: UUID) -> Person | None:
        """Return the person and keep role and state as they are until the transaction ends (FOR SHARE)."""
        ...

    async def hold_to_change(self, transaction: Transaction, user_id: UUID) -> Person | None:
        """Return the person, whom nobody else may hold or change until the transaction ends (FOR NO KEY UPDATE)."""
        ...

    async def add(self, transaction: Transaction, person: Person) -> None:
        """Add a person; raises EmailTaken."""
        ...

    async def change(self, transaction: Transaction, person: Person) -> None:
        """Store the e-mail address, name and version of a person held to be changed; raises EmailTaken."""
        ...

    async def remove(self, transaction: Transaction, user_id: UUID, *, seconds: float) -> None:
        """Remove a person and everything of theirs, which may take so many seconds; raises LastAdmin."""
        ...


class SessionKeeper(Protocol):
    """Ends people's sessions: what the auth domain offers the others."""

    async def end_all(self, transaction: Transaction, user_id: UUID, *, keep: UUID | None = None) -> None:
        """End every session of a person, except `keep`."""
        ...
