import resource
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


@pytest.mark.parametrize(
    ("files", "connections"),
    [(resource.RLIM_INFINITY, CONNECTIONS), (1_048_576, CONNECTIONS), (16_000, 15_750), (1_024, 774), (256, 128)],
)
def test_a_worker_takes_no_connection_that_it_has_no_file_for(files: int, connections: int) -> None:
    assert connections_within(files) == connections


def test_the_files_are_those_that_the_system_allows_at_most() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert HttpServer(ServerSettings(), "127.0.0.1", reload=False).backpressure == connections_within(most)
