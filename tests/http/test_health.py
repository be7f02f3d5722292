"""Health tells the truth quickly, liveness looks at nothing, readiness fails first when the process stops."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from taskapi.errors import Overloaded
from taskapi.http.health import Vitals
from taskapi.kit.clock import system_clock
from tests.http.asgi import Answer, ask
from tests.http.toy import Rooms, toy
from tests.kit.patience import until

pytestmark = pytest.mark.anyio
Check = Callable[[], Awaitable[object]]


async def well() -> None:
    """Find nothing wrong."""


async def broken() -> None:
    """Find that it is gone."""
    raise ConnectionRefusedError("10.0.0.7:5432")


async def overloaded() -> None:
    """Find no free connection."""
    raise Overloaded


async def silent() -> None:
    """Find nothing, ever."""
    await asyncio.Event().wait()


async def answered(looks: list[str]) -> bool:
    """Say whether somebody has looked."""
    return bool(looks)


async def probe(path: str, database: Check = well, redis: Check = well, *, stopping: bool = False) -> Answer:
    rooms = Rooms()
    rooms.vitals = Vitals(system_clock, database, redis)
    rooms.vitals.stopping = stopping
    return await ask(toy(rooms), "GET", f"/api/health{path}")


async def test_all_is_well() -> None:
    answer = await probe("")
    assert (answer.status, answer.json()["status"]) == (200, "ok")
    assert answer.json()["services"] == {"database": "healthy", "redis": "healthy"}
    assert answer.json()["timestamp"].endswith("Z")


@pytest.mark.parametrize("failure", [broken, overloaded])
@pytest.mark.parametrize("part", ["database", "redis"])
async def test_a_part_that_is_gone_degrades_health_and_is_named(part: str, failure: Check) -> None:
    answer = await (probe("", failure) if part == "database" else probe("", redis=failure))
    assert (answer.status, answer.json()["status"]) == (503, "degraded")
    other = {"database": "redis", "redis": "database"}[part]
    assert answer.json()["services"] == {part: "unhealthy", other: "healthy"}
    assert b"10.0.0.7" not in answer.body


async def test_parts_are_looked_at_together() -> None:
    each_waits_for_the_other = asyncio.Barrier(2).wait
    assert (await probe("", each_waits_for_the_other, each_waits_for_the_other)).status == 200


async def test_a_part_that_hangs_is_looked_at_only_so_long() -> None:
    async with asyncio.timeout(30):
        health, readiness = await asyncio.gather(probe("", silent, silent), probe("/ready", silent))
    assert health.json()["services"] == {"database": "unhealthy", "redis": "unhealthy"}
    assert (readiness.status, readiness.json()) == (503, {"status": "waiting"})


@pytest.mark.parametrize("stopping", [True, False])
async def test_liveness_looks_at_nothing(*, stopping: bool) -> None:
    looks = []

    async def look() -> None:
        looks.append("look")

    answer = await probe("/live", look, look, stopping=stopping)
    assert (answer.status, answer.json(), looks) == (200, {"status": "ok"}, [])


async def test_readiness_needs_the_database_and_no_redis() -> None:
    assert (await probe("/ready", redis=broken)).json() == {"status": "ready"}
    answer = await probe("/ready", broken)
    assert (answer.status, answer.json()) == (503, {"status": "waiting"})


async def test_a_process_that_stops_is_not_ready_but_healthy_and_alive() -> None:
    answer = await probe("/ready", stopping=True)
    assert (answer.status, answer.json()) == (503, {"status": "stopping"})
    assert (await probe("", stopping=True)).status == 200


async def test_a_crowd_of_probes_shares_one_look() -> None:
    looks, may_end = [], asyncio.Event()

    async def count() -> None:
        looks.append("look")
        await may_end.wait()

    rooms = Rooms()
    rooms.vitals = Vitals(system_clock, count, well)
    app = toy(rooms)
    crowd = [asyncio.create_task(ask(app, "GET", "/api/health")) for _ in range(50)]
    await until(lambda: answered(looks))
    crowd[0].cancel()
    may_end.set()
    answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert [answer.status for answer in answers if isinstance(answer, Answer)] == [200] * 49
    assert len(looks) == 1


@pytest.mark.parametrize("failure", [well, broken])
async def test_what_a_look_found_is_told_for_a_second_and_no_longer(failure: Check) -> None:
    looks, moment = [], [100.0]

    async def count() -> None:
        looks.append("look")
        await failure()

    rooms = Rooms()
    rooms.vitals = Vitals(system_clock, count, well, now=lambda: moment[0])
    app = toy(rooms)
    for path, moment[0], number in (("", 100.0, 1), ("/ready", 100.99, 1), ("", 101.0, 2), ("", 101.99, 2)):
        await ask(app, "GET", f"/api/health{path}")
        assert len(looks) == number


@pytest.mark.parametrize("path", ["", "/live", "/ready"])
@pytest.mark.parametrize("failure", [well, broken])
async def test_a_head_says_by_its_status_what_a_get_says(path: str, failure: Check) -> None:
    rooms = Rooms()
    rooms.vitals = Vitals(system_clock, failure, well)
    told = await ask(toy(rooms), "GET", f"/api/health{path}")
    head = await ask(toy(rooms), "HEAD", f"/api/health{path}")
    assert (head.status, head.body, head.header("content-length")) == (told.status, b"", None)
    assert head.header("content-type") == told.header("content-type")
    assert (await ask(toy(rooms), "OPTIONS", f"/api/health{path}")).header("allow") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("query", ["x=1", "_=1764390000", "details=true", "x=1&x=2", "%ff", "status=ok", "="])
@pytest.mark.parametrize("path", ["", "/live", "/ready"])
async def test_a_monitor_may_add_any_query_and_changes_nothing_by_it(path: str, query: str) -> None:
    answer = await probe(f"{path}?{query}")
    assert (answer.status, answer.json().keys()) == (200, (await probe(path)).json().keys())
