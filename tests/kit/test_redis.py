"""A Redis that is slow, silent or gone costs a moment, never a request."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import RedisError

from taskapi.config import RedisSettings, Secret
from taskapi.errors import Overloaded
from taskapi.kit.redis import MAX_CONNECTIONS, Redis
from tests.kit.wire import Wire, wire_to
from tests.servers import Servers

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wire(servers: Servers) -> AsyncIterator[Wire]:
    """The line on which `redis` talks to its server."""
    async with wire_to(servers.redis_url.removeprefix("unix://")) as line:
        yield line


@pytest.fixture
async def redis(wire: Wire) -> AsyncIterator[Redis]:
    client = Redis(RedisSettings(url=Secret(f"redis://127.0.0.1:{wire.port}/0"), redis_timeout=500))
    yield client
    await client.close()


async def test_it_answers_over_its_socket_too(servers: Servers) -> None:
    client = Redis(RedisSettings(url=Secret(servers.redis_url)))
    await client.ping()
    await client.close()


async def test_it_tells_which_server_it_is(redis: Redis) -> None:
    name, _, version = (await redis.version()).partition(" ")
    assert name in {"redis", "valkey"}
    assert int(version.split(".")[0]) >= 7


async def test_a_silent_server_is_given_up_at_once_and_found_again(redis: Redis, wire: Wire) -> None:
    wire.hold_request(b"PING")
    started = time.monotonic()
    with pytest.raises((RedisError, TimeoutError)):
        await redis.ping()
    assert time.monotonic() - started < 5
    wire.cut()
    await redis.ping()


async def test_a_connection_that_timed_out_is_never_used_again(redis: Redis, wire: Wire) -> None:
    hold = wire.hold_answer(b"first")
    with pytest.raises((RedisError, TimeoutError)):
        await redis.client.echo("first")
    hold.release()
    assert await redis.client.echo("second") == b"second"


async def test_no_server_is_an_error_at_once(free_tcp_port: int) -> None:
    client = Redis(RedisSettings(url=Secret(f"redis://127.0.0.1:{free_tcp_port}")))
    started = time.monotonic()
    with pytest.raises(RedisError):
        await client.ping()
    with pytest.raises(Overloaded):
        await client.version()
    assert time.monotonic() - started < 5
    await client.close()


async def test_it_never_holds_more_connections_than_it_may(servers: Servers) -> None:
    redis = Redis(RedisSettings(url=Secret(servers.redis_url), redis_timeout=5000))
    async with AsyncExitStack() as held:
        for _ in range(MAX_CONNECTIONS):
            await (await held.enter_async_context(redis.client.client())).ping()
        with pytest.raises(RedisError):
            await redis.ping()
    await redis.ping()
    await redis.close()


async def test_without_an_address_there_is_no_client() -> None:
    with pytest.raises(ValueError, match="REDIS_URL"):
        Redis(RedisSettings())
