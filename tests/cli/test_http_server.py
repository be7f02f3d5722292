import resource
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from granian.server.mp import WorkerProcess

from taskapi.cli.http_server import CONNECTIONS, HttpServer, Worker, connections_within
from taskapi.config import ServerSettings


class ToldToAnother:
    """A process that has ended, as `multiprocessing` shows it to the thread that was not told."""

    def join(self, timeout: float | None = None) -> None:
        """Return at once."""

    def is_alive(self) -> bool:
        """Be taken for alive."""
        return True


def ended(kind: type[WorkerProcess]) -> Any:
    """Return a worker whose process has ended, while somebody waited for it."""
    worker: Any = kind(parent=SimpleNamespace(), idx=0, target=print, args=())
    worker.inner = ToldToAnother()
    worker.interrupt_by_parent = True
    worker._watch()
    worker.join(10)
    return worker


def test_a_worker_that_stopped_is_not_taken_for_alive() -> None:
    assert not ended(Worker).is_alive()
    assert ended(WorkerProcess).is_alive()  # when this fails, Granian has mended it: `Worker` may go


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of two workers that do nothing; they are gone afterwards."""
    made: Any = HttpServer(ServerSettings(workers=2, shutdown_grace=10), "127.0.0.1", reload=False)
    kind: Any = Worker
    made._spawn_worker = lambda idx, **_: kind(parent=made, idx=idx, target=time.sleep, args=(60,))
    made._spawn_workers(None, None)
    yield made
    made._stop_workers()


def test_a_worker_that_ends_by_itself_is_counted(server: Any) -> None:
    for number, worker in enumerate(server.wrks, start=1):
        worker.inner.kill()
        worker.join(10)
        assert server.ended_workers == number


def test_workers_that_are_stopped_or_started_anew_are_not(server: Any) -> None:
    server._stop_workers()
    server._spawn_workers(None, None)
    server._respawn_workers([0, 1], None, None)
    assert server.ended_workers == 0


def test_workers_that_hear_of_a_stop_from_others_are_not(server: Any) -> None:
    server.stop()
    for worker in server.wrks:
        worker.inner.terminate()
        worker.join(10)
    assert server.ended_workers == 0


@pytest.mark.parametrize(
    ("files", "connections"),
    [(resource.RLIM_INFINITY, CONNECTIONS), (1_048_576, CONNECTIONS), (16_000, 15_750), (1_024, 774), (256, 128)],
)
def test_a_worker_takes_no_connection_that_it_has_no_file_for(files: int, connections: int) -> None:
    assert connections_within(files) == connections


def test_the_files_are_those_that_the_system_allows_at_most() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert HttpServer(ServerSettings(), "127.0.0.1", reload=False).backpressure == connections_within(most)
