"""A Valkey, a database and processes of each test's own: the gate's tests pull plugs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.gate.processes import Process, Somebody, running_process
from tests.gate.switch import Switch, switch_to
from tests.gate.valkey import Valkey, running_valkey
from tests.kit.patience import pytest_pyfunc_call
from tests.servers import Servers

__all__ = ["pytest_pyfunc_call"]

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on the event loop that serves in production."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def database_url(servers: Servers) -> str:
    """A migrated database of the test's own."""
    return servers.create_migrated_database()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Valkey of the test's own; at the end every key in it has an expiry."""
    with running_valkey() as server:
        yield server
        server.resume()
        assert server.keys_without_end() == []


@pytest.fixture
async def switch(valkey: Valkey) -> AsyncIterator[Switch]:
    """A door to that Valkey."""
    async with switch_to(valkey.port) as found:
        yield found


@pytest.fixture
async def start(database_url: str, valkey: Valkey) -> AsyncIterator[Start]:
    """Starts processes on that database and that Valkey, or another one; they serve when it returns."""
    async with AsyncExitStack() as stack:

        async def make(redis_url: str | None = None, milliseconds: int = 2000) -> Process:
            running = running_process(database_url, redis_url or valkey.url, milliseconds)
            process = await stack.enter_async_context(running)
            await process.serves()
            return process

        yield make


@pytest.fixture
async def process(start: Start) -> Process:
    """A process."""
    return await start()


@pytest.fixture
async def ada(process: Process) -> Somebody:
    """A person."""
    return await process.register()
