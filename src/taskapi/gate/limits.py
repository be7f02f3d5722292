"""Which counters a request counts against, and how the answer tells of them.

A route declares classes; this table says what each of them means. The headers are those of
draft-ietf-httpapi-ratelimit-headers-10: lists of structured fields (RFC 9651), one member for each counter.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from uuid import UUID

from litestar.types import Scope

from taskapi.config import LimitSettings, is_network
from taskapi.errors import Limited
from taskapi.gate.admission import Allowance, Counter, Verdict
from taskapi.gate.rates import seconds
from taskapi.http.address import UNKNOWN, Addresses, counted
from taskapi.http.policy import LimitClass
from taskapi.kit.seals import Seals

Header = tuple[bytes, bytes]
Allowances = tuple[Allowance, ...]

BY_USER: Mapping[LimitClass, tuple[str, ...]] = {
    LimitClass.READ: ("user",),
    LimitClass.WRITE: ("user",),
    LimitClass.BATCH: ("user", "batch"),
    LimitClass.ADMIN: ("user", "admin"),
}
"""The allowances of a user that a class uses up."""

BY_ADDRESS: Mapping[LimitClass, tuple[str, ...]] = {
    LimitClass.LOGIN: ("login",),
    LimitClass.REGISTER: ("register",),
}
"""The allowances of an address that a class uses up; who is behind it is not known yet."""


class Limits:
    """Knows the settings."""

    def __init__(self, settings: LimitSettings, addresses: Addresses, digests: Seals) -> None:
        self._allowances = _allowances(settings)
        self._addresses = addresses
        self._digests = digests
        exempt = settings.rate_limit_exempt
        self._exempt_networks = tuple(ip_network(entry, strict=False) for entry in exempt if is_network(entry))
        self._exempt_users = frozenset(UUID(entry) for entry in exempt if not is_network(entry))

    def of_user(self, classes: Iterable[LimitClass], user_id: UUID, subject: str) -> tuple[Counter, ...]:
        """Return the counters of one user for a route of these classes; `subject` is the user's id as it is written."""
        if user_id in self._exempt_users:
            return ()
        return tuple(Counter(subject, allowance) for allowance in self._chosen(BY_USER, classes))

    def of_address(self, classes: Iterable[LimitClass], scope: Scope) -> tuple[Counter, ...]:
        """Return the counters of the address that the request came from."""
        allowances = self._chosen(BY_ADDRESS, classes)
        if not allowances or self.exempts_address(scope):
            return ()
        address = counted(self._addresses.of(scope))
        subject = self._digests.digest(b"address", address.encode()).hex()[:32]
        return tuple(Counter(subject, allowance) for allowance in allowances)

    def address_of(self, scope: Scope) -> str:
        """Return the address that the request came from, or ``unknown``."""
        return self._addresses.of(scope)

    @property
    def exempts_some_addresses(self) -> bool:
        """Whether there are addresses that nothing is counted of."""
        return bool(self._exempt_networks)

    def exempts_address(self, scope: Scope) -> bool:
        """Say whether nothing is counted that comes from this address."""
        if not self._exempt_networks:
            return False
        address = self._addresses.of(scope)
        return address != UNKNOWN and any(ip_address(address) in network for network in self._exempt_networks)

    def _chosen(self, table: Mapping[LimitClass, tuple[str, ...]], classes: Iterable[LimitClass]) -> Allowances:
        names = dict.fromkeys(name for kind in classes for name in table.get(kind, ()))
        return tuple(self._allowances[name] for name in names if name in self._allowances)


def policy_header(counters: Sequence[Counter]) -> Header:
    """Return what is allowed: `q` requests in each window of `w` seconds."""
    return _policy(tuple(counter.allowance for counter in counters))


def state_header(verdicts: Sequence[Verdict]) -> Header:
    """Return what is left: `r` requests at once, and `t` seconds until everything is."""
    if len(verdicts) == 1:  # nearly always, and with every request
        return b"ratelimit", _state(verdicts[0]).encode()
    return b"ratelimit", ", ".join(map(_state, verdicts)).encode()


def refusal(refused: Sequence[Verdict]) -> Limited:
    """Return the error that says when all of the counters have room again."""
    return Limited("Too many requests; try again later.", retry_after=max(1, seconds(max(v.wait for v in refused))))


def _state(verdict: Verdict) -> str:
    return f'"{verdict.counter.allowance.name}";r={verdict.remaining};t={seconds(verdict.reset)}'


@lru_cache(64)  # one for all who are allowed the same, as long as they are remembered
def _policy(allowances: Allowances) -> Header:
    members = (f'"{item.name}";q={item.requests};w={item.seconds}' for item in allowances)
    return b"ratelimit-policy", ", ".join(members).encode()


def _allowances(settings: LimitSettings) -> Mapping[str, Allowance]:
    if settings.rate_limit == 0:
        return {}
    requests = {
        "user": settings.rate_limit,
        "batch": settings.rate_limit_batch,
        "admin": settings.rate_limit_admin,
        "login": settings.rate_limit_login,
        "register": settings.rate_limit_register,
    }
    return {name: Allowance(name, number) for name, number in requests.items() if number}
