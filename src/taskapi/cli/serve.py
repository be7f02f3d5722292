"""`task-api serve`: takes the port, starts what the settings do not name, migrates and serves.

It stops in the reverse order. Whatever keeps it from starting is told in one sentence. The workers get what was
found out here through the environment.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from typing import Annotated

import typer
from msgspec import structs

from taskapi import config
from taskapi.cli.banner import announce, say
from taskapi.cli.http_server import HttpServer
from taskapi.cli.metrics import exposed
from taskapi.cli.port import reserved
from taskapi.config import Settings, SettingsInvalid
from taskapi.errors import Error
from taskapi.kit import inspection
from taskapi.kit.embedded.external import check_addresses, wait_for_database, wait_for_redis
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.folders import Folders
from taskapi.kit.embedded.lock import was_killed
from taskapi.kit.embedded.secret import secret_of
from taskapi.kit.embedded.servers import EmbeddedServers, Endpoints
from taskapi.kit.metrics.gathering import Gathering
from taskapi.kit.parent import VARIABLE as PARENT
from taskapi.migrations import run as migrations

BROKE_DOWN = 1
COULD_NOT_START = 2
INTERRUPTED = 128 + signal.SIGINT

ORPHAN_SECONDS = 5
"""How long a worker whose parent was killed may hold the port; it stops by itself."""

_asked_to_stop = threading.Event()
"""Remembers a SIGTERM whose exception was swallowed: one that comes while Python destroys an object goes nowhere."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of TASK_API_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on, instead of PORT.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Worker processes, instead of TASK_API_WORKERS.")
    ] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew whenever the code changes; one worker serves.")
    ] = False,
) -> None:
    """Start everything that is needed and serve the API.

    Exit code 0 after Ctrl-C or SIGTERM, 1 if it broke down, 2 if it could not start.
    """
    if reload and workers is not None and workers > 1:
        raise typer.BadParameter("one worker serves with --reload", param_hint="--workers")
    signal.signal(signal.SIGTERM, _interrupt)  # while starting; later the HTTP server listens to it
    try:
        settings = _overridden(config.load(), host=host, port=port, workers=1 if reload else workers)
        check_addresses(settings)
        status = _serve(settings, reload=reload)
    except (SettingsInvalid, Error) as error:
        say(str(error))
        status = COULD_NOT_START
    except KeyboardInterrupt:
        status = INTERRUPTED
    raise typer.Exit(status)


def _serve(settings: Settings, *, reload: bool) -> int:
    servers = EmbeddedServers(settings)
    killed = was_killed(Folders(servers.root).lock)
    port = reserved(settings.server.host, settings.server.port, patience=ORPHAN_SECONDS if killed else 0)
    with port as address, servers as endpoints:
        secret = _prepare(settings, endpoints)
        if reload:
            multiprocessing.set_start_method("spawn", force=True)  # a forked worker would have the old code
        server = HttpServer(settings.server, address, reload=reload)
        stopped, lost = threading.Event(), threading.Event()
        _in_background(lambda: announce(settings.server, endpoints, secret, stopped, lambda: server.is_complete))
        _in_background(lambda: _stop_when_lost(servers, server, stopped, lost))
        if _asked_to_stop.is_set():
            raise KeyboardInterrupt
        try:
            with _inspected(settings, server):
                server.run()
        except SystemExit:  # its workers cannot be kept up, and it has said so
            return BROKE_DOWN
        finally:
            stopped.set()
    return BROKE_DOWN if lost.is_set() else 0


def _prepare(settings: Settings, endpoints: Endpoints) -> str:
    """Make both servers usable and let the workers know where they are; returns where the secret is from."""
    wait_for_database(endpoints.database.url)
    wait_for_redis(endpoints.redis.url)
    try:
        _migrate(settings, endpoints.database.url)
    except (migrations.Refused, OSError) as error:
        raise StartFailed(f"The database could not be migrated: {error}") from None
    secret, origin = secret_of(settings)
    os.environ |= {
        "DATABASE_URL": endpoints.database.url,
        "REDIS_URL": endpoints.redis.url,
        "JWT_SECRET": secret.reveal(),
        "TASK_API_HOST": settings.server.host,
        "PORT": str(settings.server.port),
        "TASK_API_WORKERS": str(settings.server.workers),
        PARENT: str(os.getpid()),
    }
    return origin


def _migrate(settings: Settings, address: str) -> None:
    """Bring the schema up to date: wholly where no other instance can be, else as far as older ones allow."""
    if settings.database.url is None:
        migrations.upgrade_if_behind(address)
    else:
        migrations.prepare(settings.database.direct_url.reveal() if settings.database.direct_url else address)


@contextmanager
def _inspected(settings: Settings, server: HttpServer) -> Iterator[None]:
    """Let the workers be asked how they are, and show what they measure."""
    try:
        folder = inspection.make_folder(settings.server.port)
    except (OSError, inspection.Refused) as error:
        say(f"Nothing is measured, and the workers cannot be asked: {error}.")
        yield
        return
    os.environ[inspection.VARIABLE] = str(folder)
    is_measured = settings.metrics.metrics_port != 0
    gathering = Gathering(
        folder,
        workers=settings.server.workers,
        version=version("task-api"),
        ended=lambda: server.ended_workers,
    )
    try:
        with exposed(settings.metrics, gathering.gather) if is_measured else nullcontext():
            yield
    finally:
        inspection.remove_folder(folder)


def _stop_when_lost(
    servers: EmbeddedServers, server: HttpServer, stopped: threading.Event, lost: threading.Event
) -> None:
    """Stop if the embedded servers cannot be kept up: nothing works then, and a supervisor can start it anew."""
    if servers.wait() and not stopped.is_set():
        lost.set()
        say(f"The embedded servers cannot be kept up; their logs are in {servers.root / 'logs'}. Stopping.")
        server.stop()


def _overridden(settings: Settings, **options: str | int | None) -> Settings:
    given = {name: value for name, value in options.items() if value is not None}
    return structs.replace(settings, server=structs.replace(settings.server, **given))


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _interrupt(*_: object) -> None:
    _asked_to_stop.set()
    raise KeyboardInterrupt
