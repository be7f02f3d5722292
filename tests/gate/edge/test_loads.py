"""Whoever asks for the same at the same time waits for one load, and gets what it brings, whatever that is."""

import asyncio

import pytest

from taskapi.errors import Overloaded
from taskapi.gate.loads import Loads

pytestmark = pytest.mark.anyio


class Load:
    """A load that ends when a test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.begun += 1
        return await self.result


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_wait_get_what_the_first_began() -> None:
    loads, load = Loads[str](10, 5), Load()
    waiting = [asyncio.create_task(loads.share("a", load)) for _ in range(5)]
    await turn()
    load.result.set_result("answer")
    assert await asyncio.gather(*waiting) == ["answer"] * 5
    assert load.begun == 1
    assert await loads.share("a", load) == "answer"
    assert load.begun == 2


async def test_a_failure_is_everybodys() -> None:
    loads, load = Loads[str](10, 5), Load()
    waiting = [asyncio.create_task(loads.share("a", load)) for _ in range(3)]
    await turn()
    load.result.set_exception(ValueError("no"))
    assert [type(found) for found in await asyncio.gather(*waiting, return_exceptions=True)] == [ValueError] * 3
    assert load.begun == 1


async def test_another_version_is_another_load() -> None:
    loads, one, two = Loads[str](10, 5), Load(), Load()
    waiting = [asyncio.create_task(loads.share(("a", stamp), load)) for stamp, load in ((b"1", one), (b"2", two))]
    await turn()
    one.result.set_result("one")
    two.result.set_result("two")
    assert await asyncio.gather(*waiting) == ["one", "two"]


async def test_it_goes_on_when_all_who_wait_are_gone() -> None:
    loads, load = Loads[str](10, 5), Load()
    waiting = [asyncio.create_task(loads.share("a", load)) for _ in range(2)]
    await turn()
    for task in waiting:
        task.cancel()
    await turn()
    assert not load.result.cancelled()
    joined = asyncio.create_task(loads.share("a", load))
    await turn()
    load.result.set_result("answer")
    assert (await joined, load.begun) == ("answer", 1)


async def test_it_takes_no_longer_than_it_may() -> None:
    with pytest.raises(TimeoutError):
        await Loads[str](10, 0.01).share("a", Load())


async def test_no_more_are_begun_than_may_be() -> None:
    loads, load = Loads[str](2, 5), Load()
    waiting = [asyncio.create_task(loads.share(key, load)) for key in ("a", "b", "a")]
    await turn()
    with pytest.raises(Overloaded):
        await loads.share("c", load)
    load.result.set_result("answer")
    await asyncio.gather(*waiting)
    assert await loads.share("c", load) == "answer"
