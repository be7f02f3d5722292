"""Headers that make every answer harmless in a browser, whatever it holds."""

from collections.abc import Iterable

from litestar.types import Message

Header = tuple[bytes, bytes]

HARDENING = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""Set on every answer that does not bring its own."""

_OWN = tuple(HARDENING.items())


class Hardened(list[Header]):
    """Headers that have been hardened: nobody does it again."""


def hardened(headers: Iterable[Header]) -> Hardened:
    """Return the headers with those that are missing; if they are hardened already, the very same."""
    if isinstance(headers, Hardened):
        return headers
    sent = Hardened((bytes(name), bytes(value)) for name, value in headers)
    names = {name.lower() for name, _ in sent}
    sent.extend(header for header in _OWN if header[0] not in names)
    return sent


def harden(message: Message) -> Hardened:
    """Harden the headers of a message that begins an answer and return them, to be added to."""
    found = message["headers"]  # type: ignore[typeddict-item]
    if type(found) is not Hardened:
        message["headers"] = found = hardened(found)  # type: ignore[typeddict-unknown-key]
    return found
