"""What can be wrong with a person in the directory, and what an administrator may change about one."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.errors import Forbidden, Missing

VersionCheck = Callable[[int], None]
"""Looks at the current version of a person who is about to change; raises PreconditionFailed."""


class UserMissing(Missing):
    """There is no such user."""

    code = "user-not-found"


class AdminOnly(Forbidden):
    """Only administrators may do this."""

    code = "admin-only"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator decides about a person; None leaves it as it is."""

    role: Role | None = None
    disabled: bool | None = None

    def given_to(self, person: Person, now: datetime) -> Person:
        """Return the person with this standing and, if that is a change, the next version."""
        role = person.role if self.role is None else self.role
        disabled_at = _disabled_at(person, self.disabled, now)
        if (role, disabled_at) == (person.role, person.disabled_at):
            return person
        return msgspec.structs.replace(person, role=role, disabled_at=disabled_at, version=person.version + 1)


def is_enabled_admin(person: Person) -> bool:
    """Say whether the person can administer accounts."""
    return person.role is Role.ADMIN and not person.disabled


def _disabled_at(person: Person, disabled: bool | None, now: datetime) -> datetime | None:
    if disabled is None or disabled == person.disabled:
        return person.disabled_at
    return now if disabled else None
