"""PostgreSQL: making its data folder, how it is started, its database and its owner.

Only a unix socket is opened. Everyone who can reach that socket is trusted, which is sound only because the
socket lies in a folder with mode 0700 that belongs to the servers' user: the file system is what
authenticates.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg

from taskapi.kit.embedded.account import Account, run
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.guard import ServerPlan
from taskapi.kit.embedded.programs import Program

SUPERUSER = "postgres"
NAME = "task_api"
"""The database, and the role that owns it and nothing else."""
INIT_SECONDS = 120
READY_SECONDS = 120
"""Recovery after a crash replays at most `max_wal_size` of log, which takes seconds."""
POLL_SECONDS = 0.02
FIRST_SETTINGS = {
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "512MB",
    "jit": "off",
}
"""Written into postgresql.conf once: a person may change them there. Short queries gain nothing from `jit`."""
FIXED_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",  # one file a weekday, overwritten a week later
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_min_error_statement": "panic",  # neither statements nor values: they hold people's text
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
FLEETING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests only: a power failure would lose everything."""


def major_of(data: Path) -> int | None:
    """Return the major version that wrote the data folder; None if there is no data yet."""
    try:
        return int((data / "PG_VERSION").read_text())
    except (FileNotFoundError, ValueError):
        return None


def initialise(program: Program, data: Path, unfinished: Path, account: Account | None, *, durable: bool) -> None:
    """Make the data folder in `unfinished` and move it to its place when it is complete."""
    failure = ""
    for ctype in ("C.UTF-8", "C"):  # an old C library has no C.UTF-8, and then full text knows ASCII words only
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if account is not None:
            os.chown(unfinished, account.uid, account.gid)
        try:
            command = _initdb(program, unfinished, ctype, durable=durable)
            told = run(command, account, seconds=INIT_SECONDS, folder=unfinished)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StartFailed(f"initdb could not run: {error}") from None
        if told.returncode == 0:
            _rename(unfinished, data)
            return
        failure = told.stderr.strip().rpartition("\n")[2]
    raise StartFailed(f"PostgreSQL's data folder {data} could not be made: {failure}")


def plan(
    program: Program, data: Path, sockets: Path, log: Path, account: Account | None, *, connections: int, durable: bool
) -> ServerPlan:
    """Say how the guardian starts and stops the server: asked politely, it ends sessions and writes a checkpoint."""
    settings = FIXED_SETTINGS | (DURABLE if durable else FLEETING)
    settings |= {"unix_socket_directories": str(sockets), "max_connections": str(connections)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return ServerPlan(
        name="PostgreSQL",
        description=f"PostgreSQL {program.version} from {program.origin}, data in {data}",
        command=[str(program.executable), "-D", str(data), *options],
        folder=str(data),
        log=str(log),
        account=account,
        stops=[(signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)],
    )


def url(sockets: Path, *, user: str = NAME, database: str = NAME) -> str:
    """Return the URL of the server behind the socket in `sockets`."""
    return f"postgresql://{user}@/{database}?host={quote(str(sockets))}"


def make_ready(sockets: Path, check: Callable[[], None]) -> None:
    """Wait for the server and see that role and database exist; `check` raises if the wait has become pointless."""
    asyncio.run(_make_ready(sockets, check))


async def _make_ready(sockets: Path, check: Callable[[], None]) -> None:
    connection = await _connected(url(sockets, user=SUPERUSER, database="postgres"), check)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", NAME):
            await connection.execute(f"CREATE ROLE {NAME} LOGIN")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", NAME):
            await connection.execute(f"CREATE DATABASE {NAME} OWNER {NAME}")
    finally:
        await connection.close(timeout=5)


async def _connected(address: str, check: Callable[[], None]) -> "asyncpg.Connection[asyncpg.Record]":
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return await asyncpg.connect(address, timeout=5)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            check()
            if time.monotonic() > deadline:
                raise StartFailed(f"PostgreSQL did not come up within {READY_SECONDS} seconds.") from None
            await asyncio.sleep(POLL_SECONDS)


def _rename(unfinished: Path, data: Path) -> None:
    unfinished.rename(data)
    parent = os.open(data.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _initdb(program: Program, data: Path, ctype: str, *, durable: bool) -> list[str]:
    """Return the command. Text sorts by code point: the same order, so the same indexes, on every system."""
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if program.major >= 17 else []
    return [
        str(program.executable.with_name("initdb")),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--locale=C",
        f"--lc-ctype={ctype}",
        *builtin,
        "--data-checksums",
        "--no-instructions",
        *(() if durable else ("--no-sync",)),
        *(f"--set={name}={value}" for name, value in FIRST_SETTINGS.items()),
    ]
