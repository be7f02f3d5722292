"""Who is calling."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Role(StrEnum):
    """What a person may do beyond the own data: nothing, or everything about accounts."""

    USER = "user"
    ADMIN = "admin"


class Principal(msgspec.Struct, frozen=True):
    """A caller whose session is alive."""

    user_id: UUID
    session_id: UUID
    role: Role

    @property
    def is_admin(self) -> bool:
        """Whether the caller may manage accounts."""
        return self.role is Role.ADMIN
