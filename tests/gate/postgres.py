"""A PostgreSQL of some tests' own, and replicas that follow it: started, stopped, killed, promoted, slowed down."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from taskapi.kit.embedded.account import ENVIRONMENT, Account, identity, run, server_account
from taskapi.kit.embedded.programs import find_postgres
from tests.gate.valkey import free_port

OPTIONS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_wal_senders=10", "jit=off")
OWNER = "task_api"


class Postgres:
    """One cluster on a port of its own."""

    def __init__(self, folder: Path, name: str, disk: Path | None = None) -> None:
        """Its data lies in `folder`, or on a disk of its own."""
        self.port = free_port()
        self.data = (disk or folder) / name
        self.account: Account | None = server_account("nobody")
        self._programs = find_postgres(self.account, folder / "programs", None).executable.parent
        self._log = (folder / f"{name}.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return where a database is."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Make an empty cluster with the application's role."""
        self._run(
            "initdb", "--pgdata", str(self.data), "--username=postgres", "--auth=trust", "--no-sync", "--data-checksums"
        )
        self.start()

    def follow(self, primary: "Postgres") -> None:
        """Become a replica of another cluster."""
        place = ("--host=127.0.0.1", f"--port={primary.port}", "--username=postgres")
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self._run("pg_basebackup", *place, "--pgdata", str(self.data), *options)
        self.start()

    def copy_again(self, primary: "Postgres") -> None:
        """Become a new replica of a cluster that does not have any more what this one lacks."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.data)
        self.follow(primary)

    def follow_again(self, primary: "Postgres") -> None:
        """Become a replica of what was a replica of this cluster, giving up what only this one has."""
        source = f"--source-server=host=127.0.0.1 port={primary.port} user=postgres dbname=postgres"
        self._run("pg_rewind", source, f"--target-pgdata={self.data}", "--write-recovery-conf", "--no-sync", new=False)
        self.start()

    def start(self, *options: str) -> None:
        """Start it; returns when it takes log-ins."""
        self.launch(*options)
        deadline = time.monotonic() + 60
        while not self.takes_log_ins():
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            assert not self.has_ended(), "PostgreSQL stopped while it started"
            time.sleep(0.02)

    def launch(self, *options: str) -> None:
        """Start it and wait for nothing."""
        settings = [part for option in (*OPTIONS, *options) for part in ("-c", option)]
        command = [str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        self._process = subprocess.Popen(
            command, cwd=self.data, env=ENVIRONMENT, stdout=self._log, stderr=self._log, **identity(self.account)
        )

    def takes_log_ins(self) -> bool:
        """Whether it says so."""
        return run([str(self._programs / "pg_isready"), "-q", "-h127.0.0.1", f"-p{self.port}"], None).returncode == 0

    def has_ended(self) -> bool:
        """Whether there is no process of it, yet or any more."""
        return self._process is None or self._process.poll() is not None

    def start_again(self) -> None:
        """Start it unless it runs."""
        if self.has_ended():
            self.start()

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it: quickly, or with SIGQUIT as if it had crashed."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(60)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let nothing that is connected make a step."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        family = [server, *server.children()]
        try:
            for process in family:
                process.suspend()
            yield
        finally:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    async def ask(self, sql: str, *args: Any, database: str = "postgres") -> Any:
        """Ask for one value as the superuser."""
        connection = await asyncpg.connect(self.url(database), timeout=10)
        try:
            return await connection.fetchval(sql, *args)
        finally:
            await connection.close(timeout=5)

    def _run(self, program: str, *arguments: str, new: bool = True) -> None:
        if new:
            self.data.mkdir(mode=0o700)
            if self.account is not None:
                os.chown(self.data, self.account.uid, self.account.gid)
        done = run([str(self._programs / program), *arguments], self.account, seconds=120, folder=self.data)
        assert done.returncode == 0, done.stderr


@contextmanager
def running(folder: Path, name: str, primary: Postgres | None = None, disk: Path | None = None) -> Iterator[Postgres]:
    """Run a cluster, or a replica of one, for the length of the block."""
    server = Postgres(folder, name, disk)
    try:
        server.initialise() if primary is None else server.follow(primary)
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(server.data, ignore_errors=True)
