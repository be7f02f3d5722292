"""PostgreSQL, and two Valkeys of which one follows the other: real servers that a campaign may kill.

Their guardian starts again whatever was killed, as it does for the program itself.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import redis

from taskapi.config import EmbeddedSettings, Settings
from taskapi.kit.embedded.account import server_account
from taskapi.kit.embedded.folders import Folders
from taskapi.kit.embedded.guard import Guard, ServerPlan
from taskapi.kit.embedded.programs import find_valkey
from taskapi.kit.embedded.servers import EmbeddedServers
from taskapi.kit.embedded.valkey import plan
from taskapi.migrations import run as migrations
from tests.chaos.links import Link, Links
from tests.waiting import eventually

READY_SECONDS = 30
REPLICATION = {"repl-diskless-sync-delay": "0", "repl-timeout": "5"}


class Valkey(msgspec.Struct):
    """One Valkey: where it listens, and where it keeps a copy of its data if it is told to."""

    name: str
    port: int
    folder: Path

    def client(self) -> "redis.Redis":
        """Return a client that speaks to it directly."""
        return redis.Redis(port=self.port, socket_timeout=5, socket_connect_timeout=2)

    @property
    def process(self) -> psutil.Process:
        """The running process."""
        with self.client() as client:
            info = client.info("server")
        return psutil.Process(info["process_id"])

    @property
    def copy(self) -> Path:
        """The file from which it starts."""
        return self.folder / "dump.rdb"

    def answers(self) -> bool:
        """Whether it can be used."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Stores:
    """The running servers."""

    def __init__(self, database_url: str, data: Path, valkeys: tuple[Valkey, Valkey], links: Links) -> None:
        self.database_url = database_url
        self.primary, self.replica = valkeys
        self.following = Link(links, "following", self.primary.port)
        """The way on which the replica follows the primary."""
        self._data = data

    @property
    def postmaster(self) -> psutil.Process:
        """PostgreSQL's first process."""
        return psutil.Process(int((self._data / "postmaster.pid").read_text().split("\n")[0]))

    def follow(self) -> None:
        """Have the replica follow the primary; what it holds is replaced."""
        self.following.move(self.primary.port)
        with self.replica.client() as client:
            client.replicaof("127.0.0.1", str(self.following.port))

    def swap(self) -> None:
        """Exchange the two names, without telling either."""
        self.primary, self.replica = self.replica, self.primary

    def is_following(self) -> bool:
        """Whether the replica has a whole copy and is connected."""
        try:
            with self.replica.client() as client:
                return bool(client.info("replication").get("master_link_status") == "up")
        except redis.RedisError:
            return False


@contextmanager
def running_stores(folder: Path, links: Links) -> Iterator[Stores]:
    """Start all three, migrate, and stop them after the block."""
    settings = Settings(embedded=EmbeddedSettings(data_dir=folder / "stores"))
    with EmbeddedServers(settings) as endpoints, _valkeys(folder, settings) as valkeys:
        migrations.upgrade(endpoints.database.url)
        stores = Stores(endpoints.database.url, Folders(folder / "stores").postgres, valkeys, links)
        stores.follow()
        eventually(stores.is_following, READY_SECONDS)
        yield stores


@contextmanager
def _valkeys(folder: Path, settings: Settings) -> Iterator[tuple[Valkey, Valkey]]:
    account = server_account(settings.embedded.embedded_user)
    program = find_valkey(account, Folders(folder / "stores").programs)
    pair = (_prepared("first", folder), _prepared("second", folder))
    plans = []
    for valkey in pair:
        if account is not None:
            os.chown(valkey.folder, account.uid, account.gid)
        usual = plan(program, valkey.folder, valkey.folder, folder / f"{valkey.name}.log", account)
        plans.append(_reachable(usual, valkey))
    descriptor = os.open(folder / "kept", os.O_CREAT | os.O_WRONLY, 0o600)
    guard = Guard(plans, keep=descriptor, scratch=None)
    try:
        eventually(lambda: all(valkey.answers() for valkey in pair), READY_SECONDS)
        yield pair
    finally:
        guard.stop()
        os.close(descriptor)


def _prepared(name: str, folder: Path) -> Valkey:
    (folder / name).mkdir(mode=0o700)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Valkey(name, int(free.getsockname()[1]), folder / name)


def _reachable(usual: ServerPlan, valkey: Valkey) -> ServerPlan:
    """Return the plan of a server that listens on a port as well, and may be followed."""
    further = {"bind": "127.0.0.1", "port": str(valkey.port)} | REPLICATION
    options = [part for name, value in further.items() for part in (f"--{name}", value)]
    return msgspec.structs.replace(usual, command=[*usual.command, *options])
