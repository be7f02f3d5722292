"""People go on working while one moment is saved, and nobody is served what was kept before a restore."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import structs

from taskapi.app import close_rooms, open_rooms
from taskapi.backup.archive import opened_archive
from taskapi.backup.restoration import restore_archive
from taskapi.config import Secret, Settings
from tests.backup.stage import REPLACE, WITH_SESSIONS, Watch, contents, generation, restored, rows, saved
from tests.house import House
from tests.people import Client
from tests.waiting import eventually

COUNTED = """
SELECT todo, in_progress, done FROM task_counts EXCEPT
SELECT
    count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 2)
FROM tasks WHERE trashed_at IS NULL GROUP BY user_id
"""
WITHOUT_EVENT = """
SELECT title FROM tasks WHERE NOT EXISTS (SELECT FROM outbox WHERE payload->>'taskId' = tasks.id::text)
"""
WITHOUT_TASK = """
SELECT payload FROM outbox
WHERE event = 'TaskCreated' AND NOT EXISTS (SELECT FROM tasks WHERE payload->>'taskId' = tasks.id::text)
"""


class Writers:
    """People who write without a pause."""

    def __init__(self, *people: Client) -> None:
        self.written = 0
        self.refused: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(person,)) for person in people]

    @contextmanager
    def working(self) -> Iterator["Writers"]:
        """Let them write for as long as the block lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)

    def until_more(self, _: str = "") -> None:
        """Return when five more writes are done."""
        wanted = self.written + 5
        eventually(lambda: self.written >= wanted)

    def _write(self, person: Client) -> None:
        while not self._stop.is_set():
            answer = person.post("/api/tasks", json={"title": f"Number {self.written}"})
            if answer.status_code != 201:
                self.refused.append(answer.text)
            self.written += 1


def test_a_backup_under_load_is_of_one_moment(ada: Client, grace: Client, url: str, empty: str, path: Path) -> None:
    with Writers(ada, grace).working() as writers:
        manifest = saved(url, path, at=writers.until_more)
        writers.until_more()
    assert not writers.refused
    restored(empty, path, WITH_SESSIONS)
    assert contents(saved(empty, path.with_name("again")), sessions=True) == contents(manifest, sessions=True)
    (count,) = rows(empty, "SELECT count(*) FROM tasks")[0]
    assert 0 < count < rows(url, "SELECT count(*) FROM tasks")[0][0]
    assert not rows(empty, COUNTED)
    assert not rows(empty, WITHOUT_EVENT)
    assert not rows(empty, WITHOUT_TASK)


def test_a_restore_under_load_puts_back_one_moment(ada: Client, grace: Client, url: str, path: Path) -> None:
    saved(url, path)
    before = set(rows(url, "SELECT id, title, version FROM tasks"))
    with Writers(ada, grace).working() as writers:
        writers.until_more()
        restored(url, path)
    found = set(rows(url, "SELECT id, title, version FROM tasks"))
    under_way = found - before  # they had been let in, and waited for the restore to end
    assert before <= found
    assert len(under_way) <= 2
    assert not rows(url, COUNTED)


def test_what_was_kept_of_the_old_data_is_never_served_again(house: House, ada: Client, url: str, path: Path) -> None:
    task = f"/api/tasks/{ada.task('As it was')['id']}"
    saved(url, path)
    used = generation(url)
    ada.patch(task, json={"title": "Later"})
    eventually(lambda: ada.get(task).headers["X-Cache"] == "hit-memory")
    restored(url, path, WITH_SESSIONS)
    assert ada.get(task).json()["title"] == "As it was"
    first = generation(url)
    restored(url, path, WITH_SESSIONS)
    eventually(lambda: ada.get(task).headers["X-Cache"] == "hit-memory")
    assert ada.get(task).json()["title"] == "As it was"
    assert len({used, first, generation(url)}) == 3


def test_nobody_reads_the_old_data_once_the_new_is_there(house: House, ada: Client, url: str, path: Path) -> None:
    task = f"/api/tasks/{ada.task('As it was')['id']}"
    saved(url, path)
    ada.patch(task, json={"title": "Later"})
    seen: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            answer = ada.get(task)
            seen.append(answer.json()["title"] if answer.status_code == 200 else "refused")

    reader = threading.Thread(target=read)
    reader.start()
    restored(url, path, WITH_SESSIONS)
    eventually(lambda: seen[-1] == "As it was")
    done.set()
    reader.join(30)
    titles = [title for title in seen if title != "refused"]
    assert titles == sorted(titles, key=["Later", "As it was"].index)


def test_a_process_that_could_serve_before_a_restore_cannot_serve_after_it(
    house: House, settings: Settings, url: str, path: Path
) -> None:
    saved(url, path)
    eventually(lambda: house.rooms.gate.serves)

    async def asleep() -> None:
        """Renew a permission, and look for no other one while the restore is made."""
        address = structs.replace(settings.database, url=Secret(url))
        rooms = open_rooms(structs.replace(settings, database=address))
        lease = rooms.gate.lease
        server = (await lease.refresh()).server
        assert lease.serves(server)
        with opened_archive(path) as archive:
            await restore_archive(url, archive, WITH_SESSIONS, Watch())
        assert not lease.serves(server)
        await close_rooms(rooms)

    asyncio.run(asleep())


@pytest.mark.parametrize("how", ["logged out", "logged in"])
def test_a_restore_logs_everybody_out(ada: Client, url: str, path: Path, how: str) -> None:
    saved(url, path)
    if how == "logged out":
        assert ada.post("/api/auth/logout").status_code == 204
    restored(url, path, REPLACE)
    assert ada.get("/api/auth/me").status_code == 401
    assert ada.log_in().get("/api/auth/me").status_code == 200


def test_sessions_are_kept_if_that_is_wanted(ada: Client, url: str, path: Path) -> None:
    saved(url, path)
    restored(url, path, WITH_SESSIONS)
    assert ada.get("/api/auth/me").status_code == 200


def test_a_write_that_the_backup_holds_is_not_done_twice(ada: Client, url: str, path: Path) -> None:
    saved(url, path)
    restored(url, path)
    answer = ada.log_in().post("/api/tasks", json={"title": "Once"}, headers={"Idempotency-Key": "k"})
    assert answer.headers["Idempotency-Replayed"] == "true"
