"""A PostgreSQL and a Valkey for one test process: the program's own embedded servers, careless of power failures.

They listen on sockets in a folder of their own, so that test processes run side by side, and they go away with the
test process even if that is killed.
"""

import asyncio
import atexit
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from taskapi.config import DatabaseSettings, EmbeddedSettings, Settings
from taskapi.kit.embedded import postgres
from taskapi.kit.embedded.servers import EmbeddedServers
from taskapi.migrations import run

POOL = 180
"""Connections that the tests of one process may hold together."""


class Servers:
    """The running servers."""

    def __init__(self, sockets: Path, redis_url: str) -> None:
        self.admin_dsn = postgres.url(sockets, user=postgres.SUPERUSER, database="postgres")
        self.redis_url = redis_url
        self._sockets = sockets
        self._migrated: dict[str, str] = {}

    def create_database(self, template: str = "template1") -> str:
        """Make a database like `template` and return its URL; as in the program, its owner is no superuser."""
        name = f"test_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name} OWNER {postgres.NAME} TEMPLATE {template}")
        return postgres.url(self._sockets, database=name)

    def create_migrated_database(self, step: str = "head") -> str:
        """Make an empty database at a step of the schema: a copy, since walking the steps takes a second."""
        if step not in self._migrated:
            url = self.create_database()
            run.upgrade(url, step)
            self._migrated[step] = urlsplit(url).path.lstrip("/")
        return self.create_database(self._migrated[step])

    def execute(self, statements: str, url: str | None = None) -> None:
        """Run statements in the database at `url`, or as the superuser."""
        asyncio.run(self._execute(statements, url or self.admin_dsn))

    async def _execute(self, statement: str, url: str) -> None:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=5)


@contextmanager
def data_folder() -> Iterator[Path]:
    """Give a folder whose subfolders an unprivileged user can reach as well: tests may run as root."""
    folder = Path(tempfile.mkdtemp(prefix="task-api-test-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def used_data() -> Iterator[Path]:
    """Give a program's data folder as an earlier run left it, with which it is ready much sooner than with none."""
    with data_folder() as folder:
        subprocess.run(["cp", "-a", _left_behind(), folder / "data"], check=True)
        yield folder / "data"


@cache
def _left_behind() -> Path:
    """Run both servers once and return what they leave behind, until this test process ends."""
    folder = ExitStack()
    atexit.register(folder.close)
    data = folder.enter_context(data_folder()) / "data"
    with EmbeddedServers(Settings(embedded=EmbeddedSettings(data_dir=data))) as endpoints:
        run.upgrade(endpoints.database.url)
    return data


@contextmanager
def test_servers() -> Iterator[Servers]:
    """Start both servers for the length of the block."""
    with data_folder() as folder:
        settings = Settings(database=DatabaseSettings(database_pool=POOL), embedded=EmbeddedSettings(data_dir=folder))
        with EmbeddedServers(settings, durable=False) as endpoints:
            sockets = Path(endpoints.redis.url.removeprefix("unix://")).parent
            yield Servers(sockets, endpoints.redis.url)
