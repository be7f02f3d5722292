"""A PgBouncer in transaction mode before a test process's PostgreSQL, where one is installed."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from taskapi.kit.embedded.account import identity, server_account
from tests.programs import program
from tests.servers import data_folder
from tests.waiting import eventually

CONFIGURATION = """
[databases]
* = host={server} {options}
[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 1000
listen_addr =
unix_socket_dir = {folder}
auth_type = any
logfile = {folder}/log
"""
PORT = 6432
"""Names the socket in the folder, so need not be free."""


@contextmanager
def pgbouncer(url: str, *, size: int, options: str = "") -> Iterator[str]:
    """Put PgBouncer, with `size` connections for each database and user, before the server at `url`.

    Skips where it is not installed. Gives the new address; `options` are those of its connections to the server.
    """
    installed = program("pgbouncer")
    parts = urlsplit(url)
    with data_folder() as parent:
        folder, account = parent / "pgbouncer", server_account("nobody")
        folder.mkdir()
        server = parse_qs(parts.query)["host"][0]
        text = CONFIGURATION.format(
            server=server, folder=folder, size=size, options=options or f"user={parts.username}"
        )
        (folder / "ini").write_text(text)
        if account is not None:
            shutil.chown(folder, account.uid, account.gid)
        process = subprocess.Popen([installed, "--quiet", str(folder / "ini")], **identity(account))
        try:
            eventually(lambda: _answers(folder / f".s.PGSQL.{PORT}"))
            yield f"postgresql://{parts.username}@{parts.path}?host={folder}&port={PORT}&pgbouncer=true"
        finally:
            process.kill()
            process.wait()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0
