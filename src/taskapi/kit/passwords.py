"""Password hashing: argon2id in a small pool of threads, off the event loop and never inside a transaction.

Hashing is dear on purpose (one core for tens of milliseconds), so the queue before the pool is bounded: beyond it a
caller is told to come back, instead of everybody waiting.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from taskapi.config import AuthSettings
from taskapi.errors import Overloaded
from taskapi.kit.metrics import Distribution

Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self, settings: AuthSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_iterations, memory_cost=settings.argon2_memory_kib, parallelism=1, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(settings.password_threads, thread_name_prefix="password")
        self._places = settings.password_threads + settings.password_queue
        self._waiting = 0
        self.durations = Distribution("password_seconds", "How long hashing one password took, the wait included.")
        self._of_nobody = self._hasher.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """Return the hash in the PHC string format; raises Overloaded when the queue is full."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, known: str | None, password: str) -> bool:
        """Say whether `password` has the hash `known`; takes the same time for nobody's hash (None)."""
        matches = await self._run(lambda: self._matches(known or self._of_nobody, password))
        return matches and known is not None

    @property
    def waiting(self) -> int:
        """How many passwords are being hashed or wait for it."""
        return self._waiting

    def is_outdated(self, known: str) -> bool:
        """Say whether `known` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    def close(self) -> None:
        """Let the work in progress finish and refuse more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= self._places:
            raise Overloaded("Too many people are logging in at this moment; try again shortly.", retry_after=2)
        self._waiting += 1
        begun = perf_counter()
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._leave)
        result = await future
        self.durations.add(perf_counter() - begun)
        return result

    def _leave(self, _: "asyncio.Future[Result]") -> None:
        self._waiting -= 1
