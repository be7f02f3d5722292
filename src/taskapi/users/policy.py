"""Who may see and change other people: administrators, and nobody else."""

from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Principal
from taskapi.users.model import AdminOnly, is_enabled_admin


def require_admin(caller: Principal) -> None:
    """Raise AdminOnly unless the caller's session is an administrator's."""
    if not caller.is_admin:
        raise AdminOnly


def require_still_admin(person: Person | None) -> None:
    """Raise AdminOnly unless the caller, as read in the transaction, still is an administrator."""
    if person is None or not is_enabled_admin(person):
        raise AdminOnly
