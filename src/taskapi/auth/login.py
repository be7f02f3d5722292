"""Log-in: a password for a session and its token."""

import contextlib
from datetime import timedelta

from taskapi.auth import store
from taskapi.auth.model import AccountDisabled, Credentials, CredentialsWrong, LoggedIn, Origin, Session
from taskapi.auth.verification import address_of, verify
from taskapi.contracts import audit
from taskapi.contracts.directory import Person
from taskapi.contracts.events import SessionsEnded, SessionStarted
from taskapi.errors import Overloaded
from taskapi.kit.database import Transaction
from taskapi.kit.ids import new_id
from taskapi.kit.tokens import Claims
from taskapi.resources import Resources


async def log_in(rooms: Resources, email: str, password: str, origin: Origin) -> LoggedIn:
    """Start a session; raises CredentialsWrong, AccountDisabled, Limited and Overloaded.

    Nothing tells an unknown e-mail address from a wrong password: not the answer, not the time it takes.
    """
    async with rooms.database.read() as connection:
        person = await rooms.directory.find_by_email(connection, email)
    try:
        return await _log_in(rooms, person, email, password, origin)
    except (CredentialsWrong, AccountDisabled) as error:
        account, user_id = audit.pseudonym(rooms.fingerprints, email), person.id if person else None
        audit.tell(audit.Kind.LOG_IN_FAILED, reason=error.code, account=account, user_id=user_id)
        raise


async def _log_in(rooms: Resources, person: Person | None, email: str, password: str, origin: Origin) -> LoggedIn:
    credentials = await verify(rooms, person, email, password, origin)
    if person is None or credentials is None:
        raise CredentialsWrong
    renewed = await _renewed(rooms, credentials, password)
    async with rooms.database.transaction() as transaction:
        held, current = await _hold(rooms, transaction, person, credentials)
        if renewed is not None and current == credentials:
            await store.renew_hash(transaction, held.id, renewed)
        session = await _start(rooms, transaction, held, origin)
    return LoggedIn(person=held, token=rooms.tokens.sign(_claims(held, session)))


async def _renewed(rooms: Resources, verified: Credentials, password: str) -> str | None:
    """Return a hash with today's parameters if the stored one is outdated; a full queue postpones it."""
    if rooms.passwords.is_outdated(verified.password_hash):
        with contextlib.suppress(Overloaded):
            return await rooms.passwords.hash(password)
    return None


async def _hold(
    rooms: Resources, transaction: Transaction, person: Person, verified: Credentials
) -> tuple[Person, Credentials]:
    """Keep the person as they are and let nobody change the password until the session is there.

    Whoever changes the password, disables or removes the person at this moment either waits and then ends the new
    session too, or was first and is seen here. Log-ins of one person take turns, so that the bounds hold exactly.
    """
    held = await rooms.directory.hold(transaction, person.id)
    current = await store.hold_credentials(transaction, person.id)
    if held is None or current is None or current.changed_at != verified.changed_at:
        raise CredentialsWrong
    if held.disabled:
        raise AccountDisabled
    return held, current


async def _start(rooms: Resources, transaction: Transaction, person: Person, origin: Origin) -> Session:
    now = rooms.clock()
    session = Session(
        id=new_id(now),
        role=person.role,
        device=origin.device,
        address=origin.address,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(days=rooms.settings.auth.session_absolute_days),
    )
    surplus = await store.add_session(transaction, person.id, session)
    await store.know_address(transaction, person.id, address_of(rooms, person.id, origin), now)
    transaction.emit(SessionStarted(user_id=person.id, session_id=session.id))
    if surplus:
        transaction.emit(SessionsEnded(user_id=person.id, session_ids=tuple(surplus)))
    return session


def _claims(person: Person, session: Session) -> Claims:
    return Claims(
        user_id=person.id,
        session_id=session.id,
        role=session.role,
        issued_at=session.created_at,
        expires_at=session.expires_at,
    )
