"""The servers of one command: those of the settings, else of the instance that runs, else its own for a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from taskapi.cli.rooms import explained
from taskapi.config import Secret, Settings, load
from taskapi.kit.embedded.external import check_addresses
from taskapi.kit.embedded.secret import secret_of
from taskapi.kit.embedded.servers import reach


@contextmanager
def resolved_settings(*, own: bool = True, what: str = "") -> Iterator[Settings]:
    """Give the settings with every address and the secret filled in; explains what keeps it from that.

    `own=False`: wait for an instance rather than start servers, as whoever wants them for long has to. `what`: how the
    sentence about a failure begins.
    """
    with explained(what):
        settings = load()
        check_addresses(settings)
        with reach(settings, own=own) as endpoints:
            secret, _ = secret_of(settings)
            yield structs.replace(
                settings,
                database=structs.replace(settings.database, url=Secret(endpoints.database.url)),
                redis=structs.replace(settings.redis, url=Secret(endpoints.redis.url)),
                auth=structs.replace(settings.auth, jwt_secret=secret),
            )


@contextmanager
def database_url(what: str = "") -> Iterator[str]:
    """Give the address of the primary database, past a PgBouncer where the settings say how."""
    with resolved_settings(what=what) as settings:
        assert settings.database.direct is not None
        yield settings.database.direct.reveal()
