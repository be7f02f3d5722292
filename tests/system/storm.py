"""Many creates with Idempotency-Keys from many threads at once, and what has to be true of them afterwards."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import asyncpg
import httpx

from taskapi.config import EmbeddedSettings, Settings
from taskapi.kit.embedded.servers import reach
from tests.people import Client
from tests.plain import NO_TLS
from tests.waiting import eventually

CREATES = 500
THREADS = 16
ANSWER_SECONDS = 20
"""No answer may take longer, whatever has failed."""

RECOVERY_SECONDS = 60
"""How long a request may have to be repeated after the plug was pulled, on a machine that does other things as well."""


class Storm:
    """Tasks 0 to 499 of one person: each has a key of its own and is to exist once."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` is where the program answers, also after it was started again; `folder` is its data folder."""
        self._url = url
        self._folder = folder
        with Client(url) as person:
            assert person.register("ada").status_code == 201
            self._headers = {"Authorization": f"Bearer {person.log_in().token}"}
        self.acknowledged: dict[int, str] = {}
        """The ids of the tasks whose creation was answered."""
        self.refusals: list[httpx.Response] = []
        """The answers other than 201."""

    def run(self, pull_the_plug: Callable[[], None], after: int, *, go_on: bool = True) -> None:
        """Try each once; `pull_the_plug` runs as soon as `after` are answered, while all the others are under way.

        If it is not to go on, requests that were not sent by then are not sent at all.
        """
        pulled, lock = threading.Event(), threading.Lock()

        def attempt(client: httpx.Client, number: int) -> None:
            if pulled.is_set() and not go_on:
                return
            if (answer := self._try(client, number)) is not None:
                self._note(number, answer)
            if len(self.acknowledged) >= after and lock.acquire(blocking=False):
                pull_the_plug()
                pulled.set()

        self._each(range(CREATES), attempt)
        assert pulled.is_set(), "the plug was not pulled"

    def retry(self) -> dict[int, httpx.Response]:
        """Repeat every request with its key until it is answered and return those answers."""
        answers: dict[int, httpx.Response] = {}

        def insist(client: httpx.Client, number: int) -> None:
            def answered() -> bool:
                answer = self._try(client, number)
                if answer is not None and answer.status_code != 201:
                    self.refusals.append(answer)
                    return False
                if answer is not None:
                    answers[number] = answer
                return answer is not None

            eventually(answered, RECOVERY_SECONDS)

        self._each(range(CREATES), insist)
        return answers

    def assert_each_exists_once(self, answers: dict[int, httpx.Response]) -> None:
        """Compare the answers of `retry` with what was acknowledged before, with the list and with the outbox."""
        ids = {number: answer.json()["id"] for number, answer in answers.items()}
        replayed = {number for number in answers if "Idempotency-Replayed" in answers[number].headers}
        assert len(ids) == CREATES, "some were never answered"
        assert self.acknowledged.items() <= ids.items(), "an acknowledged task is lost or exists twice"
        assert self.acknowledged.keys() <= replayed, "a repeated answer does not say that it is one"
        wanted = sorted((task_id, f"Task {number}") for number, task_id in ids.items())
        assert sorted(self.listed()) == wanted, "a task is lost or exists twice"
        assert self._announced() == Counter(ids.values()), "an event is lost or was written twice"

    def assert_refused_politely(self) -> None:
        """No answer but 201 or: not now, try again in so many seconds."""
        for answer in self.refusals:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1

    def _note(self, number: int, answer: httpx.Response) -> None:
        if answer.status_code == 201:
            self.acknowledged[number] = answer.json()["id"]
        else:
            self.refusals.append(answer)

    def _try(self, client: httpx.Client, number: int) -> httpx.Response | None:
        headers = {"Idempotency-Key": f"create-{number}"}
        try:
            return client.post("/api/tasks", json={"title": f"Task {number}"}, headers=headers)
        except httpx.TimeoutException:
            raise
        except httpx.TransportError:
            return None

    def _each(self, numbers: Iterable[int], work: Callable[[httpx.Client, int], None]) -> None:
        waiting: SimpleQueue[int] = SimpleQueue()
        for number in numbers:
            waiting.put(number)

        def drain(_: int) -> None:
            with self._client() as client:
                while (number := _next(waiting)) is not None:
                    work(client, number)

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(drain, range(THREADS)))

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers=self._headers, timeout=ANSWER_SECONDS, verify=NO_TLS)

    def listed(self) -> list[tuple[str, str]]:
        """Return the ids and titles of all tasks there are."""
        found: list[dict[str, Any]] = []
        with self._client() as client:
            page = client.get("/api/tasks", params={"limit": 200}).json()
            found += page["items"]
            while page["nextCursor"]:
                page = client.get("/api/tasks", params={"limit": 200, "cursor": page["nextCursor"]}).json()
                found += page["items"]
        return [(task["id"], task["title"]) for task in found]

    def _announced(self) -> Counter[str]:
        async def fetched(url: str) -> list[asyncpg.Record]:
            connection = await asyncpg.connect(url, timeout=10)
            try:
                query = "SELECT payload->>'taskId' AS id FROM outbox WHERE event = 'TaskCreated'"
                return await connection.fetch(query, timeout=10)
            finally:
                await connection.close(timeout=5)

        with reach(Settings(embedded=EmbeddedSettings(data_dir=self._folder))) as endpoints:
            return Counter(row["id"] for row in asyncio.run(fetched(endpoints.database.url)))


def _next(waiting: "SimpleQueue[int]") -> int | None:
    try:
        return waiting.get_nowait()
    except Empty:
        return None
