"""Counts attempts in PostgreSQL, for all processes together.

An attempt at a password is counted before the password is looked at and given back if it was right: counted only
afterwards, any number of parallel guesses would slip through before the first one counts. Keys are HMACs, so the
table tells nobody who tried what from where. Nothing here may run inside the transaction of a request, whose failure
would undo the count.
"""

from collections.abc import Sequence

from taskapi.auth import attempt_store
from taskapi.auth.policy import REFUSALS, Limit, names_of_exceeded, seconds_to_wait
from taskapi.contracts import audit
from taskapi.errors import Limited
from taskapi.kit.database import apart
from taskapi.resources import Resources


async def count(rooms: Resources, limits: Sequence[Limit], **about: object) -> None:
    """Count one attempt against all `limits`, or raise Limited and count it against none.

    `about` is what the audit trail says of an attempt too many.
    """
    if rooms.settings.limits.rate_limit == 0:
        return
    now = rooms.clock()
    prices = [limit.price for limit in limits]
    with apart():
        async with rooms.database.transaction() as transaction:
            paid = await attempt_store.charge(transaction, _keys(rooms, limits), prices, now)
            if seconds := seconds_to_wait(limits, paid, now):
                exceeded = names_of_exceeded(limits, paid, now)
                for name in exceeded:
                    rooms.refused_attempts[REFUSALS[name]] += 1
                audit.tell(audit.Kind.ATTEMPTS_LIMITED, limits=exceeded, **about)
                raise Limited(retry_after=seconds)


async def give_back(rooms: Resources, limits: Sequence[Limit]) -> None:
    """Undo the count of one attempt."""
    if rooms.settings.limits.rate_limit == 0:
        return
    prices = [-limit.price for limit in limits]
    with apart():
        async with rooms.database.transaction() as transaction:
            await attempt_store.charge(transaction, _keys(rooms, limits), prices, rooms.clock())


def _keys(rooms: Resources, limits: Sequence[Limit]) -> list[bytes]:
    return [rooms.fingerprints.digest(b"attempts", *(part.encode() for part in limit.subject)) for limit in limits]
