"""What goes over the wire about accounts and sessions. Text arrives here in Unicode's composed form."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from taskapi.auth.common_passwords import is_common
from taskapi.auth.model import AccountChange, Session
from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.errors import Violation
from taskapi.kit.text import has_stacked_marks, normalized

CONTROL = r"\x00-\x1f\x7f-\x9f"
EMAIL = rf"^[^@\s{CONTROL}]+@[^@.\s{CONTROL}]+(\.[^@.\s{CONTROL}]+)*$"
"""Plausible, no more: something, one @, and a host's labels with dots between them. Only a letter that arrives proves
an address."""

NAME = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"
LONGEST_NAME = 100
LONGEST_EMAIL = 254
"""What fits into the envelope of a letter (RFC 5321 §4.5.3.1.3, erratum 1690)."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
"""In the composed form: some keyboards send a letter and its accent as two characters."""

Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=LONGEST_EMAIL,
        pattern=EMAIL,
        description="E-mail address; upper and lower case are the same.",
        examples=["ada@example.org"],
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=NAME,
        description="What to call the person.",
        examples=["Ada Lovelace"],
    ),
]
NewPassword = Annotated[
    str,
    Meta(
        extra_json_schema={"minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD},
        description="Any 8 to 128 characters that are not among the most common passwords.",
        examples=["correct horse battery staple"],
    ),
]
Password = Annotated[
    str,
    Meta(
        min_length=1,
        extra_json_schema={"maxLength": LONGEST_PASSWORD},
        description="The current password.",
        examples=["correct horse battery staple"],
    ),
]


class Registration(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Who wants an account."""

    email: Email
    password: NewPassword
    name: Name

    def __post_init__(self) -> None:
        self.email, self.password, self.name = map(normalized, (self.email, self.password, self.name))

    def violations(self) -> Iterator[Violation]:
        """Yield what only the finished text shows."""
        yield from _email_violations(self.email)
        yield from _name_violations(self.name)
        yield from _password_violations(self.password, "/password")


class Login(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Who wants to log in."""

    email: Email
    password: Password

    def __post_init__(self) -> None:
        self.email, self.password = map(normalized, (self.email, self.password))

    def violations(self) -> Iterator[Violation]:
        """Yield what only the finished text shows."""
        yield from _email_violations(self.email)
        yield from _length_violations(self.password, "/password")


class MeChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What changes about the own account: a merge, so what is absent stays."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    password: (
        Annotated[
            str,
            Meta(
                min_length=1,
                extra_json_schema={"maxLength": LONGEST_PASSWORD},
                description="The current one; needed for another e-mail.",
            ),
        ]
        | UnsetType
    ) = UNSET

    def violations(self) -> Iterator[Violation]:
        """Yield what only the finished text shows."""
        change = self.change()
        yield from _email_violations(change.email) if change.email is not None else ()
        yield from _name_violations(change.name) if change.name is not None else ()
        yield from _length_violations(change.password, "/password") if change.password is not None else ()

    def change(self) -> AccountChange:
        """Return the change in the domain's words."""
        return AccountChange(name=_given(self.name), email=_given(self.email), password=_given(self.password))


class PasswordChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Another password."""

    current_password: Password
    new_password: NewPassword

    def __post_init__(self) -> None:
        self.current_password, self.new_password = normalized(self.current_password), normalized(self.new_password)

    def violations(self) -> Iterator[Violation]:
        """Yield what only the finished text shows."""
        yield from _length_violations(self.current_password, "/currentPassword")
        yield from _password_violations(self.new_password, "/newPassword")


class Removal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The removal of the own account."""

    password: Password

    def __post_init__(self) -> None:
        self.password = normalized(self.password)

    def violations(self) -> Iterator[Violation]:
        """Yield what only the finished text shows."""
        yield from _length_violations(self.password, "/password")


class Account(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person, as they see themselves."""

    id: UUID
    email: Annotated[str, Meta(examples=["ada@example.org"])]
    name: Annotated[str, Meta(examples=["Ada Lovelace"])]
    role: Annotated[Role, Meta(examples=["user"])]
    created_at: datetime


class Me(msgspec.Struct, frozen=True):
    """The caller."""

    user: Account


class LoginAnswer(msgspec.Struct, frozen=True):
    """The token to send as `Authorization: Bearer <token>`, and whose it is."""

    token: Annotated[str, Meta(examples=["eyJhbGciOiJIUzI1NiIsImtpZCI6IjAx…"])]
    user: Account


class SessionView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A session; `current` says whether it is the one that asks."""

    id: UUID
    device: Annotated[str, Meta(examples=["Firefox on Linux"])]
    address: Annotated[str, Meta(examples=["192.0.2.7"])]
    created_at: datetime
    last_seen_at: datetime
    current: bool


class Before(msgspec.Struct, frozen=True):
    """The position in a list of sessions: the last id of the page before."""

    id: UUID


def account(person: Person) -> Account:
    """Return what a person sees of themselves."""
    return Account(id=person.id, email=person.email, name=person.name, role=person.role, created_at=person.created_at)


def session_view(session: Session, current: UUID) -> SessionView:
    """Return what a person sees of a session."""
    return SessionView(
        id=session.id,
        device=session.device,
        address=session.address,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        current=session.id == current,
    )


def _given(value: str | UnsetType) -> str | None:
    return None if value is UNSET else normalized(value)


def _email_violations(email: str) -> Iterator[Violation]:
    if len(email) > LONGEST_EMAIL or not re.fullmatch(EMAIL, email):
        yield Violation("/email", "Expected an e-mail address")


def _name_violations(name: str) -> Iterator[Violation]:
    if len(name) > LONGEST_NAME or has_stacked_marks(name) or not re.fullmatch(NAME, name):
        yield Violation("/name", f"Expected 1 to {LONGEST_NAME} characters, no control characters, not only blanks")


def _password_violations(password: str, pointer: str) -> Iterator[Violation]:
    yield from _length_violations(password, pointer, SHORTEST_PASSWORD)
    if is_common(password):
        yield Violation(pointer, "This password is among those that everybody tries first; choose another one")


def _length_violations(password: str, pointer: str, shortest: int = 1) -> Iterator[Violation]:
    if not shortest <= len(password) <= LONGEST_PASSWORD:
        yield Violation(pointer, f"Expected {shortest} to {LONGEST_PASSWORD} characters")
