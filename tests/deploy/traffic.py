"""People who use the API while something is done to it: nine reads for each write unless told otherwise, writes keyed.

It runs in a thread of its own. Afterwards it knows what was answered, how long the longest answer took, and compares
what the API holds with what it has confirmed.
"""

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

import httpx
import msgspec

from tests.plain import NO_TLS

Act = Callable[[], Awaitable[httpx.Response]]
HABIT = (*("read",) * 9, "write")
"""What a person does again and again: names of acts."""

LONGEST = 30
IN_USE = 409
"""The write is still under way, for longer than its repetition waited: the API wants it again a little later."""


class Person:
    """One account with a client of its own."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=LONGEST, verify=NO_TLS)
        self._account = {"email": f"{secrets.token_hex(8)}@example.org", "password": secrets.token_urlsafe(16)}
        self.confirmed: set[str] = set()
        self.refused: str | None = None
        """The title of a task whose making was refused for now; it may have been made all the same."""
        self.asked_again = 0
        self.longest = 0.0
        """Seconds until the answer of which it took most."""

    async def arrive(self) -> None:
        """Register and log in."""
        (await self.client.post("/api/auth/register", json=self._account | {"name": "Ada"})).raise_for_status()
        answer = await self.log_in()
        self.client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"

    async def log_in(self) -> httpx.Response:
        """Begin another session, which nobody uses unless it is the first."""
        return self._timed(await self.client.post("/api/auth/login", json=self._account))

    async def read(self) -> httpx.Response:
        """Read the newest tasks."""
        return self._timed(await self.client.get("/api/tasks?limit=20"))

    async def write(self) -> httpx.Response:
        """Make a task whose title nobody else uses, the one that was refused before first; it is its own key."""
        title = self.refused or secrets.token_hex(8)
        while True:
            headers = {"Idempotency-Key": title}
            answer = self._timed(await self.client.post("/api/tasks", json={"title": title}, headers=headers))
            self.refused = title if is_refusal(answer) else None
            if answer.status_code == 201:
                self.confirmed.add(title)
            if answer.status_code != IN_USE:
                return answer
            self.asked_again += 1
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    def _timed(self, answer: httpx.Response) -> httpx.Response:
        self.longest = max(self.longest, answer.elapsed.total_seconds())
        return answer

    async def held(self) -> Counter[str]:
        """Return how often the API has a task of each title."""
        titles: Counter[str] = Counter()
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = (await self.client.get("/api/tasks", params=query)).raise_for_status().json()
            titles.update(task["title"] for task in page["items"])
            cursor = page["nextCursor"]
        return titles


def is_refusal(answer: httpx.Response) -> bool:
    """Whether it says: not now, and when to come back."""
    is_problem = answer.headers.get("Content-Type") == "application/problem+json"
    return answer.status_code == 503 and is_problem and int(answer.headers.get("Retry-After", "0")) >= 1


class Outcome(msgspec.Struct):
    """What people saw."""

    answered: Counter[str] = msgspec.field(default_factory=Counter)
    """How many reads, writes and log-ins were, refusals included."""
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """How many of them were told to come back later."""
    failures: list[str] = []
    longest: float = 0
    written: int = 0
    asked_again: int = 0
    lost: int = 0
    doubled: int = 0

    def __str__(self) -> str:
        """One line for a report."""
        return (
            f"{self.answered.total()} answers, {self.refused.total()} refusals, {len(self.failures)} failures, "
            f"longest {self.longest:.2f} s; "
            f"{self.written} writes confirmed ({self.asked_again} times 409 first), "
            f"{self.lost} lost, {self.doubled} doubled"
        )

    def is_clean(self) -> bool:
        """Say whether nobody saw a fault, nor was told to come back."""
        return self.is_honest() and not self.refused and not self.asked_again

    def is_honest(self) -> bool:
        """Say whether people saw no other fault than being told to come back, and what was confirmed is there once."""
        return not (self.failures or self.lost or self.doubled)


class Traffic:
    """Traffic for as long as the block lasts; `outcome` is complete after it."""

    def __init__(self, url: str, people: int = 8, pause: float = 0, habit: Sequence[str] = HABIT) -> None:
        """Each of the people waits `pause` seconds after each answer."""
        self.outcome = Outcome()
        self._habit = habit
        self._pause = pause
        self._url = url
        self._people = people
        self._over = threading.Event()
        self._begun = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        """Return once everybody is logged in."""
        self._thread.start()
        self._begun.wait(120)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, and count."""
        self._over.set()
        self._thread.join(120)
        if self._error is not None and error is None:
            raise self._error

    def for_seconds(self, seconds: float) -> None:
        """Let it go on for a while."""
        self._over.wait(seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self._error = error
            self._begun.set()

    async def _all(self) -> None:
        people = [Person(self._url) for _ in range(self._people)]
        for person in people:
            await person.arrive()
        self._begun.set()
        await asyncio.gather(*(self._use(person) for person in people))
        for person in people:
            self._compare(person, await person.held())
            await person.client.aclose()

    async def _use(self, person: Person) -> None:
        while not self._over.is_set():
            for act in self._habit:
                await self._note(act, getattr(person, act))

    async def _note(self, what: str, act: Act) -> None:
        try:
            answer = await act()
        except httpx.TransportError as error:
            self.outcome.failures.append(f"{what}: {error!r}")
        else:
            if is_refusal(answer):
                self.outcome.refused[what] += 1
            elif answer.status_code not in (200, 201):
                self.outcome.failures.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        self.outcome.answered[what] += 1
        await asyncio.sleep(self._pause)

    def _compare(self, person: Person, held: Counter[str]) -> None:
        self.outcome.longest = max(self.outcome.longest, person.longest)
        self.outcome.written += len(person.confirmed)
        self.outcome.asked_again += person.asked_again
        self.outcome.lost += len(person.confirmed - held.keys())
        self.outcome.doubled += sum(count > 1 for count in held.values())
