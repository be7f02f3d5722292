import os
import subprocess
import sys
from pathlib import Path

import psutil

from taskapi.config import Settings
from taskapi.kit.embedded import postgres
from taskapi.kit.embedded.account import Account, identity
from taskapi.kit.embedded.folders import Folders
from taskapi.kit.embedded.servers import EmbeddedServers
from tests.kit.embedded.instance import Running, gone


def test_what_is_stored_survives_a_stop_and_nothing_runs_after_it(settings: Settings, folder: Path) -> None:
    with EmbeddedServers(settings) as endpoints:
        first = Running(endpoints, settings)
        processes = first.processes()
        first.sql("CREATE TABLE kept AS SELECT 7 AS number")
    assert gone(processes)
    assert "database system is shut down" in (next((folder / "postgresql" / "log").iterdir())).read_text()
    with EmbeddedServers(settings) as endpoints:
        assert Running(endpoints, settings).sql("SELECT number FROM kept") == 7


def test_servers_whose_guardian_was_killed_end_with_the_program(settings: Settings) -> None:
    servers = EmbeddedServers(settings)
    with servers as endpoints:
        running = Running(endpoints, settings)
        processes = running.processes()
        running.guardian.kill()
        assert servers.wait() is True
        assert running.answers()
    assert gone(processes)


def test_servers_that_outlived_everything_are_ended_by_the_next_start(settings: Settings) -> None:
    program = (
        "import msgspec, os, sys\n"
        "from taskapi.config import load\n"
        "from taskapi.kit.embedded.servers import EmbeddedServers\n"
        "with EmbeddedServers(load()):\n"
        "    print(flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = os.environ | {"TASK_API_DATA_DIR": str(settings.embedded.data_dir)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        guardian = psutil.Process(process.pid).children()[0]
        orphans = guardian.children(recursive=True)
        guardian.suspend()  # so that it cannot tidy up between the two blows
        process.kill()
        guardian.kill()
    with EmbeddedServers(settings) as endpoints:
        assert gone(orphans)
        assert Running(endpoints, settings).answers()


def test_a_stale_pid_file_whose_number_another_process_has_now_does_not_matter(
    settings: Settings, account: Account | None
) -> None:
    place = Folders(settings.embedded.data_dir or Path())
    with EmbeddedServers(settings):
        left = {
            path: path.read_text() for path in (place.postgres / "postmaster.pid", place.sockets / ".s.PGSQL.5432.lock")
        }
    with subprocess.Popen(["/bin/sleep", "600"], **identity(account)) as bystander:
        for path, content in left.items():
            path.write_text(f"{bystander.pid}\n{content.partition(os.linesep)[2]}")
        with EmbeddedServers(settings) as endpoints:
            assert Running(endpoints, settings).answers()
        assert bystander.poll() is None, "the bystander was harmed"
        bystander.kill()


def test_a_database_that_was_cut_off_recovers(settings: Settings) -> None:
    with EmbeddedServers(settings) as endpoints:
        running = Running(endpoints, settings)
        running.sql("CREATE TABLE kept AS SELECT 7 AS number")
        running.guardian.suspend()
        for process in running.guardian.children(recursive=True):
            process.kill()
        running.guardian.kill()
    with EmbeddedServers(settings) as endpoints:
        assert Running(endpoints, settings).sql("SELECT number FROM kept") == 7


def test_a_half_made_data_folder_is_made_anew(settings: Settings, folder: Path) -> None:
    half = folder / "postgresql.unfinished"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(settings) as endpoints:
        assert Running(endpoints, settings).answers()
    assert not half.exists()


def test_a_crash_between_data_folder_and_database_is_made_good(settings: Settings) -> None:
    with EmbeddedServers(settings) as endpoints:
        sockets = Path(endpoints.redis.url.removeprefix("unix://")).parent
        admin = postgres.url(sockets, user=postgres.SUPERUSER, database="postgres")
        Running(endpoints, settings).sql("DROP DATABASE task_api", url=admin)
    with EmbeddedServers(settings) as endpoints:
        assert Running(endpoints, settings).answers()
