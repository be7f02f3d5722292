"""The directory that other domains know: people in PostgreSQL."""

from uuid import UUID

from taskapi.contracts.directory import Person
from taskapi.contracts.events import UserRemoved
from taskapi.kit.database import ReadConnection, Transaction
from taskapi.users import administrators, store


class PostgresDirectory:
    """Finds, adds, changes and removes people."""

    async def find(self, connection: ReadConnection, user_id: UUID) -> Person | None:
        """Return the person with this id, if there is one."""
        return await store.find(connection, user_id)

    async def find_by_email(self, connection: ReadConnection, email: str) -> Person | None:
        """Return the person with this address (in any case), if there is one."""
        return await store.find_by_email(connection, email)

    async def hold(self, transaction: Transaction, user_id: UUID) -> Person | None:
        """Return the person and keep role and state as they are until the transaction ends."""
        return await store.hold(transaction, user_id)

    async def hold_to_change(self, transaction: Transaction, user_id: UUID) -> Person | None:
        """Return the person, whom nobody else may hold or change until the transaction ends."""
        return await store.hold_to_change(transaction, user_id)

    async def add(self, transaction: Transaction, person: Person) -> None:
        """Add a person; raises EmailTaken."""
        await store.add(transaction, person)

    async def change(self, transaction: Transaction, person: Person) -> None:
        """Store the e-mail address, name and version of a person held to be changed; raises EmailTaken."""
        await store.change(transaction, person)

    async def remove(self, transaction: Transaction, user_id: UUID, *, seconds: float) -> None:
        """Remove a person and everything of theirs, which may take so many seconds; raises LastAdmin."""
        person = await store.hold_to_change(transaction, user_id)
        if person is None:
            return
        await administrators.let_go(transaction, person)
        await store.remove(transaction, user_id, seconds)
        transaction.emit(UserRemoved(user_id=user_id))
