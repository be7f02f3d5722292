"""Who calls the API while it is fuzzed: people who stay, and people who may be used up.

Many operations end the session that calls them, or the whole account. Those get somebody expendable, copied in the
database from a person who was registered properly: hashing a password for each would cost more than all the rest.
"""

import asyncio
import threading
from datetime import timedelta
from types import TracebackType
from uuid import UUID, uuid4

import asyncpg
import msgspec

from taskapi.config import AuthSettings, Secret
from taskapi.kit.clock import system_clock
from taskapi.kit.tokens import Claims, Tokens
from tests.people import Client

COPY = """
WITH person AS (
    INSERT INTO users (id, email, name, role, created_at, version)
    SELECT $2, $3, name, role, now(), 1 FROM users WHERE id = $1
), password AS (
    INSERT INTO credentials (user_id, password_hash, changed_at)
    SELECT $2, password_hash, now() FROM credentials WHERE user_id = $1
)
INSERT INTO sessions (user_id, id, role, device, address, created_at, last_seen_at, expires_at)
SELECT $2, fresh.id, old.role, old.device, old.address, now(), now(), old.expires_at
FROM (SELECT * FROM sessions WHERE user_id = $1 LIMIT 1) AS old, unnest($4::uuid[]) AS fresh (id)
"""
"""From the person $1 make the person $2 with the address $3 and the sessions $4."""


class Person(msgspec.Struct, frozen=True):
    """Somebody with a session."""

    id: str
    email: str
    password: str
    token: str


class Expendable(Person, frozen=True):
    """Somebody who may be used up, with two sessions."""

    session_id: str
    """The one that the token is of."""
    other_session_id: str


class People:
    """The people of one run."""

    def __init__(self, url: str, database_url: str, secret: str) -> None:
        self._tokens = Tokens(AuthSettings(jwt_secret=Secret(secret)), system_clock)
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(asyncpg.connect(database_url, timeout=10))
        self._lock = threading.Lock()
        self._template = _registered(url, "template")
        self._expendable: Expendable | None = None
        self.staying = {name: _registered(url, name) for name in ("ada", "grace")}
        self.visitor = _registered(url, "visitor")
        """Logs in; stays as well, but loses the oldest sessions."""
        self.admin = self._administrator(url)

    def __enter__(self) -> "People":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._connection.close(timeout=5))
        self._loop.close()

    @property
    def protected(self) -> frozenset[str]:
        """The ids of those whom no administrator may disable or demote while others count on them."""
        return frozenset(person.id for person in (self.admin, self.visitor, self._template, *self.staying.values()))

    def expendable(self) -> Expendable:
        """Return somebody who may be used up: the same person until that has happened."""
        if self._expendable is None:
            self._expendable = self._copied()
        return self._expendable

    def use_up(self) -> None:
        """Say that the expendable person has lost the session or more."""
        self._expendable = None

    def _copied(self) -> Expendable:
        user_id, sessions = uuid4(), [uuid4(), uuid4()]
        email = f"{user_id}@example.org"
        self._execute(COPY, UUID(self._template.id), user_id, email, sessions)
        now = system_clock()
        token = self._tokens.sign(Claims(user_id, sessions[0], "user", now, now + timedelta(days=1)))
        return Expendable(str(user_id), email, self._template.password, token, *map(str, sessions))

    def _administrator(self, url: str) -> Person:
        person = _registered(url, "admin")
        self._execute("UPDATE users SET role = 'admin' WHERE id = $1", UUID(person.id))
        return _logged_in(url, person)

    def _execute(self, sql: str, *args: object) -> None:
        with self._lock:
            self._loop.run_until_complete(self._connection.execute(sql, *args, timeout=10))


def _registered(url: str, name: str) -> Person:
    with Client(url) as client:
        assert client.register(name).status_code == 201
        client.log_in()
        return Person(client.id, client.email, client.password, client.token)


def _logged_in(url: str, person: Person) -> Person:
    with Client(url) as client:
        client.email, client.password = person.email, person.password
        return msgspec.structs.replace(person, token=client.log_in().token)
