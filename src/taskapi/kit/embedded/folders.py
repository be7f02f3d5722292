"""Where everything of the embedded servers lies on disk, and whose it is.

<data folder>/     0700, or 0711 when root runs the program, so that the servers' user can reach what is its own
    lock           held while an instance uses the folder
    secret         signs tokens
    servers.json   where the servers of the running instance listen
    programs/      copies of the servers' programs, only where they cannot be run from where they are
    logs/          what a server printed before it had its own log
    postgresql/    0700, the servers' user's (postgresql.unfinished while it is being made)
    valkey/        0700, the servers' user's
    run/           0700, the servers' user's: the sockets
"""

import os
import re
import tempfile
from pathlib import Path

from msgspec import Struct

from taskapi.kit.embedded.account import Account, closed_to
from taskapi.kit.embedded.failures import StartFailed

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100
"""The kernel takes 104 to 108 bytes, depending on the system."""
PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")
"""A path that needs no quoting in a URL or in PostgreSQL's list of folders."""


class Folders(Struct, frozen=True):
    """The paths below one data folder."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held while an instance uses the folder."""
        return self.root / "lock"

    @property
    def secret(self) -> Path:
        """The generated secret."""
        return self.root / "secret"

    @property
    def state(self) -> Path:
        """Where the servers of the running instance listen."""
        return self.root / "servers.json"

    @property
    def programs(self) -> Path:
        """Copies of programs."""
        return self.root / "programs"

    @property
    def logs(self) -> Path:
        """First words of the servers."""
        return self.root / "logs"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgresql"

    @property
    def unfinished_postgres(self) -> Path:
        """PostgreSQL's data while `initdb` makes it."""
        return self.root / "postgresql.unfinished"

    @property
    def valkey(self) -> Path:
        """Valkey's working folder; it keeps nothing there."""
        return self.root / "valkey"

    @property
    def sockets(self) -> Path:
        """The sockets, unless this path is too long for one."""
        return self.root / "run"


def data_folder(configured: Path | None) -> Path:
    """Return the absolute data folder: the configured one, else where the system keeps such data."""
    if configured is not None:
        return Path(os.path.abspath(configured.expanduser()))
    if os.geteuid() == 0:
        return Path("/var/lib/task-api")
    base = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(base):  # the XDG specification: a relative path is invalid and must be ignored
        return Path(base) / "task-api"
    try:
        return Path.home() / ".local" / "share" / "task-api"
    except RuntimeError:
        raise StartFailed("This user has no home folder; set TASK_API_DATA_DIR.") from None


def make_root(root: Path) -> None:
    """Make the data folder if it is not there, with its mode whatever the umask says; raises OSError."""
    if not root.exists():
        root.mkdir(parents=True)
        root.chmod(0o711 if os.geteuid() == 0 else 0o700)


def prepare(root: Path, account: Account | None) -> Folders:
    """Make the data folder and check that the servers' user can reach it; raises `StartFailed`."""
    folders = Folders(root)
    try:
        make_root(root)
        folders.logs.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartFailed(f"The data folder {root} cannot be used ({error.strerror}); set TASK_API_DATA_DIR.") from None
    if account is not None and (closed := closed_to(account, root)) is not None:
        raise StartFailed(
            f"The user {account.name!r}, who runs the embedded servers, may not enter {closed}; set TASK_API_DATA_DIR "
            f"to a folder that this user can reach, or TASK_API_EMBEDDED_USER to a user who can."
        )
    return folders


def private_folder(path: Path, account: Account | None) -> Path:
    """Make a folder that only the servers' user may enter; raises `StartFailed` if it is already someone else's."""
    if not path.exists():
        path.mkdir(mode=0o700)
        if account is not None:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    check_owner(path, account)
    return path


def check_owner(path: Path, account: Account | None) -> None:
    """Raise `StartFailed` if the servers' user does not own `path`."""
    wanted = os.geteuid() if account is None else account.uid
    owner = path.stat(follow_symlinks=False).st_uid
    if owner != wanted:
        raise StartFailed(
            f"{path} belongs to user id {owner}, but the embedded servers run as user id {wanted}; start the program "
            f"as the user who made the folder, or set TASK_API_DATA_DIR to another one."
        )


def socket_folder(folders: Folders, account: Account | None) -> Path:
    """Return a private folder whose path is short and plain enough for sockets.

    Other than `folders.sockets` itself it is a new one, which whoever ends the servers removes.
    """
    path = str(folders.sockets)
    if PLAIN_PATH.fullmatch(path) and len(os.fsencode(path)) + len(SOCKET_NAME) + 1 <= SOCKET_PATH_BYTES:
        return private_folder(folders.sockets, account)
    short = Path(tempfile.mkdtemp(prefix="task-api-", dir="/tmp"))
    if account is not None:
        os.chown(short, account.uid, account.gid, follow_symlinks=False)
    return short
