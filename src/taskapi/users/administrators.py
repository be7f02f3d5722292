"""There is always somebody who can administer accounts, even if two administrators leave at the same moment.

Whoever ceases to be an enabled administrator first waits for a turn that only one transaction has at a time, and then
counts the others: whatever an earlier one did is visible by then.
"""

from taskapi.contracts.directory import LastAdmin, Person
from taskapi.kit.database import Transaction
from taskapi.users import store
from taskapi.users.model import is_enabled_admin


async def let_go(transaction: Transaction, person: Person) -> None:
    """Allow that `person` ceases to be an enabled administrator; raises LastAdmin."""
    if not is_enabled_admin(person):
        return
    await store.take_admins_turn(transaction)
    if not await store.has_other_admin(transaction, person.id):
        raise LastAdmin
