"""How often somebody may try: pure rules. Why these: docs/decisions/0003-login-limits.md.

Every limit is a generic cell rate algorithm (GCRA, as in ATM Forum TM 4.0): `attempts` may come at once, and each is
paid for by waiting `window / attempts`. Until when the attempts so far are paid for is all that has to be stored.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from taskapi.config import LimitSettings

LOGIN_WINDOW = timedelta(minutes=15)
REGISTER_WINDOW = timedelta(hours=1)
NO_TIME = timedelta()
REFUSALS: Mapping[str, str] = {
    "login": "login pair",
    "login from": "login from",
    "login to": "login to",
    "register": "register from",
}
"""What metrics call the refusals of each limit: there `login` and `register` are those of requests a minute."""

UNKNOWN_ADDRESSES = 5
"""All unknown addresses together may try one account so many times as often as one of them may."""


class Limit(msgspec.Struct, frozen=True):
    """So many attempts in a window of time, counted for what `subject` names."""

    subject: tuple[str, ...]
    attempts: int
    window: timedelta

    @property
    def price(self) -> timedelta:
        """How long one attempt has to be waited for; rounded down, so that all `attempts` fit into the window."""
        return self.window // self.attempts

    def wait(self, paid_until: datetime, now: datetime) -> timedelta:
        """Return how much too early the attempt is that made it `paid_until`; not positive if it is in time."""
        return paid_until - self.window - now


def login_limits(settings: LimitSettings, account: str, network: str, *, known: bool) -> tuple[Limit, ...]:
    """Return what limits guesses at the password of an account (its e-mail address) from a network.

    From where its owner is known to log in, nothing that others do elsewhere or at other accounts counts.
    """
    name = account.casefold()
    pair = Limit(("login", name, network), settings.login_per_account, LOGIN_WINDOW)
    if known:
        return (pair,)
    return (
        pair,
        Limit(("login from", network), settings.login_per_address, LOGIN_WINDOW),
        Limit(("login to", name), settings.login_per_account * UNKNOWN_ADDRESSES, LOGIN_WINDOW),
    )


def registration_limits(settings: LimitSettings, network: str) -> tuple[Limit, ...]:
    """Return what limits registrations from a network."""
    return (Limit(("register", network), settings.register_per_address, REGISTER_WINDOW),)


def names_of_exceeded(limits: Sequence[Limit], paid_until: Sequence[datetime], now: datetime) -> list[str]:
    """Return what those limits are called for which the attempt is too early."""
    return [limit.subject[0] for limit, paid in zip(limits, paid_until, strict=True) if limit.wait(paid, now) > NO_TIME]


def seconds_to_wait(limits: Sequence[Limit], paid_until: Sequence[datetime], now: datetime) -> int:
    """Return after how many whole seconds the attempt would be in time; 0 if it is."""
    waits = [limit.wait(paid, now) for limit, paid in zip(limits, paid_until, strict=True)]
    return max(0, math.ceil(max(waits).total_seconds()))
