"""The address a request came from, as far as it can be believed.

`X-Forwarded-For` is a claim. It is followed from the right, hop by hop, as long as the hop that made the claim is a
configured proxy; the left-most entry is whatever the caller wrote and is never used as such.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from litestar.types import Scope

from taskapi.http.headers import headers_of

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
UNKNOWN = "unknown"
FORWARDING = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})
"""Headers by which a proxy says that it asks for somebody else."""

WITH_PORT = re.compile(r"(\[[^\]]*\]|[0-9.]+):[0-9]+")
"""How some proxies write a hop: `192.0.2.1:4711` or `[2001:db8::1]:4711`."""

V6_PREFIX = 64
"""One IPv6 customer has at least this network, so it counts as one address."""


class Addresses:
    """Finds the callers' addresses behind the configured proxies."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = tuple(ip_network(proxy, strict=False) for proxy in trusted_proxies)

    def of(self, scope: Scope) -> str:
        """Return the caller's address, or ``unknown``."""
        client = scope.get("client")
        current = _parsed(client[0]) if client else None
        for claim in reversed(_claims(scope)) if self._trusted else ():
            if current is None or not self._trusts(current):
                break
            claimed = _parsed(WITH_PORT.sub(r"\1", claim))
            if claimed is None:
                break
            current = claimed
        return str(current) if current else UNKNOWN

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def is_local(scope: Scope) -> bool:
    """Say whether somebody on this machine asks, and no proxy on it for somebody elsewhere."""
    client = scope.get("client")
    address = _parsed(client[0]) if client else None
    return address is not None and address.is_loopback and FORWARDING.isdisjoint(headers_of(scope))


def counted(address: str) -> str:
    """Return what limits count an address as: itself, or its /64 network."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, V6_PREFIX), strict=False))
    return address


def _claims(scope: Scope) -> list[str]:
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [claim.strip() for claim in b",".join(values).decode("latin-1").split(",") if claim.strip()]


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
