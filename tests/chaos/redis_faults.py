"""Faults of Valkey and of the ways to it. Each returns when what it broke works again."""

import asyncio
import time

from tests.chaos.links import Link
from tests.chaos.proxy import CUT, DEAF, HANG, SLOW, STALL
from tests.chaos.scene import Scene
from tests.chaos.weather import REDIS

EVICTED = 300
"""Keys that are deleted at random, one after the other."""
EVICTION_PAUSE = 0.005


async def restart_with_data(scene: Scene) -> None:
    """`kill -9` Valkey at the moment when it has saved everything."""
    with scene.weather.spell("restart of Valkey with its data", REDIS):
        await _restart(scene, delay=0)


async def restart_with_old_data(scene: Scene) -> None:
    """`kill -9` Valkey a while after it saved: it comes back with an older copy."""
    with scene.weather.spell("restart of Valkey with older data", REDIS):
        await _restart(scene, delay=scene.random.uniform(0.3, 3))


async def restart_empty(scene: Scene) -> None:
    """`kill -9` Valkey when it has saved nothing."""
    with scene.weather.spell("restart of Valkey without its data", REDIS):
        scene.stores.primary.copy.unlink(missing_ok=True)
        await _kill_primary(scene)


async def flush(scene: Scene) -> None:
    """Wipe everything, once or a few times in a row."""
    with scene.weather.spell("FLUSHALL", REDIS), scene.stores.primary.client() as client:
        for _ in range(scene.random.randint(1, 3)):
            await asyncio.to_thread(client.flushall)
            await scene.wait(0, 0.7)


async def kill_clients(scene: Scene) -> None:
    """End all connections of clients, again and again for a while."""
    with scene.weather.spell("CLIENT KILL", REDIS), scene.stores.primary.client() as client:
        for _ in range(scene.random.randint(1, 8)):
            await asyncio.to_thread(client.client_kill_filter, _type="normal", skipme=True)
            await scene.wait(0, 0.2)


async def evict(scene: Scene) -> None:
    """Delete keys at random, as a full memory would."""
    with scene.weather.spell("eviction of keys", REDIS):
        await asyncio.to_thread(_evict, scene)


async def fail_over(scene: Scene) -> None:
    """Promote a replica that lags; the old primary follows it some time later."""
    with scene.weather.spell("failover to a lagging replica", REDIS):
        await _promote_lagging(scene)
        await scene.wait(0.5, 3)
        await _follow(scene)


async def fail_back(scene: Scene) -> None:
    """Promote a replica that lags, then go back to the old primary as it was left."""
    with scene.weather.spell("fail-back to the old primary", REDIS):
        await _promote_lagging(scene)
        await scene.wait(0.3, 4)
        _lead_to_other(scene)
        await _follow(scene)


async def cut_off_one(scene: Scene) -> None:
    """Cut the way between one process and Valkey: connections are refused."""
    await _break(scene, "one process cut off from Valkey", CUT, [scene.any_server().link])


async def hang_one(scene: Scene) -> None:
    """Swallow everything between one process and Valkey."""
    await _break(scene, "one process hangs on Valkey", HANG, [scene.any_server().link])


async def deafen_one(scene: Scene) -> None:
    """Carry out what one process asks of Valkey, but swallow the replies."""
    await _break(scene, "one process hears no replies of Valkey", DEAF, [scene.any_server().link])


async def stall_one(scene: Scene) -> None:
    """Hold back what one process asks of Valkey, and deliver it late, when it has long given up."""
    await _break(scene, "requests of one process to Valkey come late", STALL, [scene.any_server().link])


async def slow_all(scene: Scene) -> None:
    """Slow all ways to Valkey."""
    await _break(scene, "slow ways to Valkey", SLOW, [server.link for server in scene.fleet.servers])


async def hang_all(scene: Scene) -> None:
    """Take Valkey away from everybody."""
    mode = scene.random.choice([CUT, HANG])
    await _break(scene, "Valkey away from all", mode, [server.link for server in scene.fleet.servers])


async def _break(scene: Scene, name: str, mode: str, links: list[Link]) -> None:
    with scene.weather.spell(name, REDIS):
        for link in links:
            link.set(mode)
        await scene.wait(0.3, 5)
        for link in links:
            if mode in (STALL, SLOW):
                link.restore()
            else:
                link.heal()


async def _restart(scene: Scene, delay: float) -> None:
    with scene.stores.primary.client() as client:
        await asyncio.to_thread(client.save)
    await asyncio.sleep(delay)
    await _kill_primary(scene)


async def _kill_primary(scene: Scene) -> None:
    killed = scene.stores.primary.process
    killed.kill()
    await scene.until(lambda: not killed.is_running() or killed.status() == "zombie")
    await scene.until(scene.stores.primary.answers)
    await scene.until(scene.stores.is_following)


async def _promote_lagging(scene: Scene) -> None:
    scene.stores.following.set(HANG)
    await scene.wait(0.3, 3)
    with scene.stores.replica.client() as client:
        await asyncio.to_thread(client.replicaof, "NO", "ONE")
    _lead_to_other(scene)


def _lead_to_other(scene: Scene) -> None:
    """Move all processes at once: nobody talks to the one before any more when the first talks to the other."""
    for server in scene.fleet.servers:
        server.link.set(CUT)
    scene.stores.swap()
    for server in scene.fleet.servers:
        server.link.move(scene.stores.primary.port)


async def _follow(scene: Scene) -> None:
    await asyncio.to_thread(scene.stores.follow)
    await scene.until(scene.stores.is_following)


def _evict(scene: Scene) -> None:
    with scene.stores.primary.client() as client:
        for _ in range(EVICTED):
            key = client.randomkey()
            if key is not None:
                client.unlink(key)
            time.sleep(EVICTION_PAUSE)


FAULTS = (
    restart_with_data,
    restart_with_old_data,
    restart_empty,
    flush,
    kill_clients,
    evict,
    fail_over,
    fail_back,
    cut_off_one,
    hang_one,
    deafen_one,
    stall_one,
    slow_all,
    hang_all,
)
