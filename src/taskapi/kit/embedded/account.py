"""The system user that runs the servers, and running their programs as that user.

PostgreSQL refuses to run as root, and neither server needs its rights. Nothing of the program's own
environment is handed on: it may hold secrets.
"""

import os
import pwd
import subprocess
from pathlib import Path
from typing import TypedDict

from msgspec import Struct

from taskapi.kit.embedded.failures import StartFailed

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that a server is told of the world."""
ENTER_EACH = 'for folder do cd -- "$folder" 2>/dev/null || { printf %s "$folder"; exit 1; }; done'


class Account(Struct, frozen=True):
    """An unprivileged system user."""

    name: str
    uid: int
    gid: int


class Identity(TypedDict, total=False):
    """How `subprocess` is told whom to run as."""

    user: int
    group: int
    extra_groups: list[int]


def server_account(name: str) -> Account | None:
    """Return the user `name` when root runs the program; None: the servers run as whoever runs it."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise StartFailed(
            f"There is no system user {name!r} to run the embedded servers; set TASK_API_EMBEDDED_USER to one."
        ) from None
    if entry.pw_uid == 0:
        raise StartFailed("PostgreSQL refuses to run as root; set TASK_API_EMBEDDED_USER to another system user.")
    return Account(name, entry.pw_uid, entry.pw_gid)


def identity(account: Account | None) -> Identity:
    """Say it in the words of `subprocess`."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def run(
    command: list[str], account: Account | None, *, seconds: float = 10, folder: Path = Path("/")
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the servers' user; raises OSError or `subprocess.TimeoutExpired`."""
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        umask=0o077,
        **identity(account),
    )


def closed_to(account: Account, folder: Path) -> Path | None:
    """Return the first folder on the way to `folder`, itself included, that the user may not enter.

    A shell of that user tries it, so that access lists and mount options count as well as mode bits.
    """
    way = [str(step) for step in (*reversed(folder.parents), folder)]
    found = run(["/bin/sh", "-c", ENTER_EACH, "sh", *way], account)
    return Path(found.stdout) if found.returncode else None
