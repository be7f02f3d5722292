"""The embedded servers as one thing that is opened and closed.

Decides per server: a URL in the settings, then programs on PATH, then those in the wheels. Opening leaves
nothing behind when it fails, and recovers by itself from whatever a crash left: half a data folder, a stale
pid file, servers that survived, an unclean database.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct

from taskapi.config import Settings
from taskapi.kit.embedded import folders, lock, postgres, valkey
from taskapi.kit.embedded.account import Account, server_account
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.folders import Folders
from taskapi.kit.embedded.guard import Guard, ServerPlan
from taskapi.kit.embedded.leftovers import stop_leftovers
from taskapi.kit.embedded.programs import find_postgres, find_valkey

SPARE_CONNECTIONS = 20
"""Beyond what the workers use: the command line, a second worker during a change-over, a person with psql."""
LEAST_CONNECTIONS = 50
START_SECONDS = 30
"""How long a command waits for an instance that starts."""
POLL_SECONDS = 0.1


class Endpoint(Struct, frozen=True):
    """Where a server is, and what people are told about it."""

    url: str
    description: str

    def __repr__(self) -> str:
        return f"Endpoint({self.description!r})"  # a URL may hold a password


class Endpoints(Struct, frozen=True):
    """Both servers."""

    database: Endpoint
    redis: Endpoint


class Started(Struct, frozen=True):
    """What has been started: where its sockets are, and a description of each server, None for one that is given."""

    sockets: str
    database: str | None
    redis: str | None


class EmbeddedServers:
    """Starts what the settings do not name; `with` gives the endpoints."""

    def __init__(self, settings: Settings, *, holder: lock.Holder = lock.Holder.INSTANCE, durable: bool = True) -> None:
        """`durable=False` is for tests: faster, and nothing survives a power failure."""
        self._holder = holder
        self._settings = settings
        self._durable = durable
        self._guard: Guard | None = None
        self._closing = contextlib.ExitStack()
        self.root = folders.data_folder(settings.embedded.data_dir)

    def __enter__(self) -> Endpoints:
        if self._settings.database.url is not None and self._settings.redis.url is not None:
            return _endpoints(self._settings, Started("", None, None))
        try:
            with self._closing:
                started = self._start()
                self._closing = self._closing.pop_all()
        except OSError as error:
            raise StartFailed(f"The embedded servers could not be started: {error}") from None
        return _endpoints(self._settings, started)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.close()

    def wait(self) -> bool:
        """Return True when the servers have ended, asked to or because they cannot be kept up; False if none run."""
        if self._guard is None:
            return False
        self._guard.wait()
        return True

    def _start(self) -> Started:
        account = server_account(self._settings.embedded.embedded_user)
        place = folders.prepare(self.root, account)
        held = lock.acquire(place.lock, self._holder)
        self._closing.callback(lock.release, held)
        _stop_leftovers(place)
        self._closing.callback(_stop_leftovers, place)  # if the guardian itself was killed
        sockets = folders.socket_folder(place, account)
        database = None if self._settings.database.url is not None else self._postgres(place, sockets, account)
        redis = None if self._settings.redis.url is not None else self._valkey(place, sockets, account)
        plans = [plan for plan in (database, redis) if plan is not None]
        self._guard = Guard(plans, keep=held, scratch=None if sockets == place.sockets else sockets)
        self._closing.callback(self._guard.stop)
        if redis is not None:
            valkey.wait(sockets, self._guard.check)
        if database is not None:
            postgres.make_ready(sockets, self._guard.check)
        started = Started(
            str(sockets),
            None if database is None else database.description,
            None if redis is None else redis.description,
        )
        if self._holder is lock.Holder.INSTANCE:
            self._lend(place.state, started)
        return started

    def _lend(self, state: Path, started: Started) -> None:
        """Let commands find the servers, which are there until somebody stops them."""
        _write_state(state, started)
        self._closing.callback(state.unlink, missing_ok=True)

    def _postgres(self, place: Folders, sockets: Path, account: Account | None) -> ServerPlan:
        data = place.postgres
        if data.exists():
            folders.check_owner(data, account)
        major = postgres.major_of(data)
        program = find_postgres(account, place.programs, major)
        if major is None:
            postgres.initialise(program, data, place.unfinished_postgres, account, durable=self._durable)
        # The process numbers in these files may by now be anybody's, and PostgreSQL would believe them. No server works
        # here: the lock and the search for leftovers have shown it.
        for stale in (data / "postmaster.pid", sockets / f"{folders.SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)
        connections = max(LEAST_CONNECTIONS, self._pooled_connections() + SPARE_CONNECTIONS)
        log = place.logs / "postgresql.log"
        return postgres.plan(program, data, sockets, log, account, connections=connections, durable=self._durable)

    def _pooled_connections(self) -> int:
        database = self._settings.database
        return self._settings.server.workers * (database.database_pool + database.connections_beside_pool)

    def _valkey(self, place: Folders, sockets: Path, account: Account | None) -> ServerPlan:
        program = find_valkey(account, place.programs)
        folders.private_folder(place.valkey, account)
        return valkey.plan(program, place.valkey, sockets, place.logs / "valkey.log", account)


@contextlib.contextmanager
def reach(settings: Settings, *, own: bool = True) -> Iterator[Endpoints]:
    """Give the endpoints of the instance that runs on this data folder, which is waited for while it starts.

    If none runs, start servers for this block, unless `own` is false: then `StartFailed` is raised.
    """
    given = settings.database.url is not None and settings.redis.url is not None
    place = Folders(folders.data_folder(settings.embedded.data_dir))
    started = None if given else _lent(place, patient=not own)
    if started is not None:
        yield _endpoints(settings, started)
        return
    if not own and not given:
        raise StartFailed(
            "No instance runs on this data folder; start `task-api serve`, or name servers by their URLs."
        )
    with EmbeddedServers(settings, holder=lock.Holder.COMMAND) as endpoints:
        yield endpoints


def _lent(place: Folders, *, patient: bool) -> Started | None:
    """Return the servers of the instance that runs or is just starting, which the patient wait for anyway."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        if lock.is_held(place.lock) and place.state.exists():
            return msgspec.json.decode(place.state.read_bytes(), type=Started)
        is_starting = lock.holder_of(place.lock)[1] is lock.Holder.INSTANCE
        if not (is_starting or patient) or time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)


def _stop_leftovers(place: Folders) -> None:
    stop_leftovers(place.unfinished_postgres, signal.SIGTERM)
    stop_leftovers(place.postgres, signal.SIGINT)
    stop_leftovers(place.valkey, signal.SIGTERM)


def _endpoints(settings: Settings, started: Started) -> Endpoints:
    given = settings.database.url, settings.redis.url
    return Endpoints(
        Endpoint(given[0].reveal(), "given by DATABASE_URL")
        if given[0] is not None
        else Endpoint(postgres.url(Path(started.sockets)), started.database or ""),
        Endpoint(given[1].reveal(), "given by REDIS_URL")
        if given[1] is not None
        else Endpoint(valkey.url(Path(started.sockets)), started.redis or ""),
    )


def _write_state(path: Path, started: Started) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(started))
