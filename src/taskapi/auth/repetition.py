"""The Idempotency-Key of a registration, which has no caller yet for whom an answer could be kept.

The answer is kept for the new person, in the transaction that adds them, and found again by the e-mail address. The
fingerprint is an HMAC, so nobody can guess the password from it; only the very same request gets the answer.
"""

import msgspec

from taskapi.auth import store
from taskapi.contracts.directory import Person
from taskapi.http.idempotency import Answer, KeyReused, Replay, keep, kept_answer
from taskapi.kit.database import Transaction
from taskapi.resources import Resources


class Repetition(msgspec.Struct, frozen=True):
    """What tells a repeated registration from another one."""

    key: str
    request: tuple[bytes, ...]

    async def answer_if_known(self, rooms: Resources, email: str) -> None:
        """Raise Replay if this request was answered before, KeyReused if another one of this address had its key."""
        async with rooms.database.read() as connection:
            person = await rooms.directory.find_by_email(connection, email)
            row = await store.find_kept_answer(connection, person.id, self.key) if person else None
        if row is None:
            return
        if not rooms.fingerprints.recognizes(row["fingerprint"], *self.request):
            raise KeyReused
        raise Replay(kept_answer(row))

    def keep(self, rooms: Resources, transaction: Transaction, person: Person, answer: Answer) -> None:
        """Keep the answer to a new person."""
        keep(transaction, person.id, self.key, rooms.fingerprints.digest(*self.request), answer)
