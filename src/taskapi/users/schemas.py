"""What goes over the wire about people, as administrators see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.users.model import Standing


class UserView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person, as an administrator sees them."""

    id: UUID
    email: Annotated[str, Meta(examples=["ada@example.org"])]
    name: Annotated[str, Meta(examples=["Ada Lovelace"])]
    role: Annotated[Role, Meta(examples=["user"])]
    created_at: datetime
    disabled: bool


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an administrator changes about a person: a merge, so what is absent stays."""

    role: Annotated[Role, Meta(description="What the person may do.", examples=["admin"])] | UnsetType = UNSET
    disabled: Annotated[bool, Meta(description="Whether the person is locked out.", examples=[False])] | UnsetType = (
        UNSET
    )

    def standing(self) -> Standing:
        """Return the change in the domain's words."""
        return Standing(
            role=None if self.role is UNSET else self.role,
            disabled=None if self.disabled is UNSET else self.disabled,
        )


class Before(msgspec.Struct, frozen=True):
    """The position in a list of people: the last id of the page before."""

    id: UUID


def user_view(person: Person) -> UserView:
    """Return what an administrator sees of a person."""
    return UserView(
        id=person.id,
        email=person.email,
        name=person.name,
        role=person.role,
        created_at=person.created_at,
        disabled=person.disabled,
    )
