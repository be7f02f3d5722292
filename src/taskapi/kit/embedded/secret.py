"""The secret that signs tokens, made at the first start when the settings name none.

It is written once, completely or not at all, and read by its owner only. Losing the file logs everybody out.
"""

import os
import secrets
import stat
import tempfile
from pathlib import Path

from taskapi.config import SHORTEST_SECRET, Secret, Settings
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.folders import Folders, data_folder, make_root

SECRET_BYTES = 48
"""48 random bytes are 64 characters in URL-safe base64."""


def secret_of(settings: Settings) -> tuple[Secret, str]:
    """Return the secret and where it is from, as people are told; raises `StartFailed`."""
    if settings.auth.jwt_secret is not None:
        return settings.auth.jwt_secret, "given by JWT_SECRET"
    path = Folders(data_folder(settings.embedded.data_dir)).secret
    return kept_secret(path), f"in {path}"


def kept_secret(path: Path) -> Secret:
    """Return the secret in `path`, made now if there is none; raises `StartFailed` if others could read it."""
    try:
        make_root(path.parent)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(SECRET_BYTES))
        status = path.stat(follow_symlinks=False)
        value = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartFailed(f"The secret in {path} cannot be read ({error}); set JWT_SECRET instead.") from None
    if stat.S_IMODE(status.st_mode) & 0o077 or not stat.S_ISREG(status.st_mode):
        raise StartFailed(f"Others may read the secret in {path}; run: chmod 600 {path}")
    if len(value) < SHORTEST_SECRET:
        raise StartFailed(f"The secret in {path} is too short; remove the file, a new one will be made.")
    return Secret(value)


def _write_once(path: Path, value: str) -> None:
    """Write a new file (O_EXCL, 0600) and name it when it is on disk; somebody else's is left alone."""
    descriptor, written = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(value)
            file.flush()
            os.fsync(descriptor)
        os.link(written, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(written)
