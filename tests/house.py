"""The running API of one test process: the real application on a real HTTP server, PostgreSQL and Valkey."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import uvicorn

from taskapi.app import App
from taskapi.config import AuthSettings, Secret, Settings
from taskapi.kit.clock import system_clock
from taskapi.resources import Resources

Result = TypeVar("Result")


def quick_auth(secret: Secret) -> AuthSettings:
    """Return settings under which a password is hashed at once, for tests that prove nothing about passwords."""
    return AuthSettings(jwt_secret=secret, argon2_memory_kib=64, argon2_iterations=1)


class SettableClock:
    """The machine's clock, moved by an offset that a test chooses."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        """Return the moved time."""
        return system_clock() + self.offset


class House:
    """One application that serves on a free port, in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self.clock = SettableClock()
        self.app = App(settings, self.clock)
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, host="127.0.0.1", port=0, log_config=None, lifespan="on", loop="asyncio")
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def rooms(self) -> Resources:
        """The opened rooms of the application."""
        return self.app.rooms

    @property
    def url(self) -> str:
        """Where it serves."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def run(self, work: Coroutine[Any, Any, Result], seconds: float = 30) -> Result:
        """Run `work` inside the application's event loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def start(self) -> None:
        """Serve; returns once requests are accepted."""
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive(), "the server stopped while starting"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop as SIGTERM would."""
        self._server.should_exit = True
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()


@contextmanager
def serving(settings: Settings) -> Iterator[House]:
    """Serve an application for as long as the block lasts."""
    house = House(settings)
    house.start()
    try:
        yield house
    finally:
        house.stop()
