"""Reads a database URL as people write it and says what the driver must be told.

`?schema=`, `?connection_limit=`, `?pool_timeout=` and `?pgbouncer=` come from other tools; the driver would send them
to the server as settings and be refused, so they are translated here. Of several hosts the one is wanted that takes
writes, which the driver has to be told. No sentence here may hold a part of the URL: it may be a part of a password.
"""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

OURS = frozenset({"schema", "connection_limit", "pool_timeout", "pgbouncer"})
SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
HOST = r"(?:\[[^\]@]*\]|[^\[\]:@,]*)(?::\d*)?"
PLACE = re.compile(rf"(?:.*@)?{HOST}(?:,{HOST})*", re.DOTALL)
"""`user:password@` and one host with its port, or several."""

PORTS = re.compile(r":(\d+)(?=,|$)")
HIGHEST_PORT = 65_535
ATTRIBUTES = "target_session_attrs"

UNREADABLE = "the address cannot be read; in user and password, write / ? # [ ] as %2F %3F %23 %5B %5D"


class DatabaseUrl(NamedTuple):
    """The driver's URL and what was taken out of it; None where the URL did not say."""

    dsn: str
    schema: str | None
    connection_limit: int | None
    pool_timeout: int | None
    pgbouncer: bool
    """Whether PgBouncer in transaction mode is in between."""

    @property
    def search_path(self) -> str | None:
        """The schema as SQL names it, and as the server's setting `search_path` wants it."""
        return None if self.schema is None else '"' + self.schema.replace('"', '""') + '"'


def parse(url: str) -> DatabaseUrl:
    """Split `url`; raises ValueError if it cannot be read, or naming the parameter that is not a positive number."""
    parts = _split(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    ours = {name: value for name, value in query if name in OURS}
    rest = urlencode(_writable(parts, [item for item in query if item[0] not in OURS]), safe="/:")
    return DatabaseUrl(
        dsn=f"postgresql://{parts.netloc}{parts.path}" + (f"?{rest}" if rest else ""),
        schema=ours.get("schema") or None,
        connection_limit=_positive("connection_limit", ours),
        pool_timeout=_positive("pool_timeout", ours),
        pgbouncer=_is_true("pgbouncer", ours),
    )


def each_host(dsn: str) -> tuple[str, ...]:
    """Return the driver's URL once for each host that it names before the path, with that host alone."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    several = [parts._replace(netloc=login + at + host).geturl() for host in hosts.split(",")]
    return tuple(several) if len(several) > 1 else (dsn,)


def gives_name(dsn: str) -> bool:
    """Say whether the driver's URL names the connections itself."""
    return any(name == "application_name" for name, _ in parse_qsl(urlsplit(dsn).query))


def _writable(parts: SplitResult, query: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where there are several hosts, want the one that takes writes, unless the URL says whom it wants."""
    is_one = "," not in parts.netloc.rpartition("@")[2]
    return query if is_one or any(name == ATTRIBUTES for name, _ in query) else [*query, (ATTRIBUTES, "read-write")]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(UNREADABLE) from None
    if parts.scheme not in SCHEMES:
        raise ValueError("the address must start with postgresql://")
    if parts.fragment or not PLACE.fullmatch(parts.netloc):
        raise ValueError(UNREADABLE)
    if any(int(port) > HIGHEST_PORT for port in PORTS.findall(parts.netloc.rpartition("@")[2])):
        raise ValueError(f"a port is a number up to {HIGHEST_PORT}")
    return parts


def _positive(name: str, values: dict[str, str]) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ValueError(f"?{name}= must be a positive whole number")
    return int(value)


def _is_true(name: str, values: dict[str, str]) -> bool:
    value = values.get(name, "false")
    if value not in {"true", "false"}:
        raise ValueError(f"?{name}= must be true or false")
    return value == "true"
