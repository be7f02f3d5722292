from types import SimpleNamespace
from typing import Any

from granian.server.mp import WorkerProcess

from taskapi.cli.http_server import Worker


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
