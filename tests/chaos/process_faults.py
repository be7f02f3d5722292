"""Faults of the server processes and of PostgreSQL. Each returns when what it broke works again."""

import contextlib
import signal

import psutil

from tests.chaos.fleet import Server
from tests.chaos.scene import Scene
from tests.chaos.weather import DATABASE, server


async def kill_server(scene: Scene) -> None:
    """`kill -9` a server with all that belongs to it, and start it again."""
    victim = scene.any_server()
    with scene.weather.spell("kill -9 of a server", server(victim.number)):
        victim.kill()
        await scene.wait(0, 2)
        victim.start()
        await victim.until_ready()


async def kill_worker(scene: Scene) -> None:
    """`kill -9` only the process that answers requests; its parent has to start another."""
    victim = scene.any_server()
    with scene.weather.spell("kill -9 of a worker", server(victim.number)):
        if (worker := victim.worker()) is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        await scene.wait(0.3, 0.5)
        await victim.until_ready()


async def freeze_briefly(scene: Scene) -> None:
    """SIGSTOP a server for about as long as it would wait for others itself, then SIGCONT."""
    await _freeze(scene, scene.any_server(), 1, 4)


async def freeze_long(scene: Scene) -> None:
    """SIGSTOP a server for longer than any time-out, then SIGCONT."""
    await _freeze(scene, scene.any_server(), 8, 15)


async def _freeze(scene: Scene, victim: Server, least: float, most: float) -> None:
    name = "SIGSTOP of a server" if most < 5 else "long SIGSTOP of a server"
    with scene.weather.spell(name, server(victim.number)):
        frozen = victim.freeze()
        try:
            await scene.wait(least, most)
        finally:
            for process in reversed(frozen):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        await victim.until_ready()


async def restart_database(scene: Scene) -> None:
    """Stop PostgreSQL as `pg_ctl stop -m fast` does; its guardian starts it again."""
    with scene.weather.spell("restart of PostgreSQL", DATABASE):
        scene.stores.postmaster.send_signal(signal.SIGINT)
        await scene.wait(0.3, 0.5)
        await scene.until_database_answers()


async def kill_database(scene: Scene) -> None:
    """`kill -9` PostgreSQL's first process."""
    with scene.weather.spell("kill -9 of PostgreSQL", DATABASE):
        scene.stores.postmaster.kill()
        await scene.wait(0.3, 0.5)
        await scene.until_database_answers()


FAULTS = (kill_server, kill_worker, freeze_briefly, freeze_long, restart_database, kill_database)
