"""Who may see and change tasks: their owner, and nobody else. Administrators manage accounts, not what people write."""

from uuid import UUID

from taskapi.contracts.identity import Principal


def owner(caller: Principal) -> UUID:
    """Return whose tasks the caller works with. Everybody else's do not exist for the caller."""
    return caller.user_id
