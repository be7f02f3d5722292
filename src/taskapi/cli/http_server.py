"""The HTTP server: Granian, as this program runs it.

Its workers lead sessions of their own, so that Ctrl-C in a terminal reaches the parent only, and the stop
goes in order: readiness fails, requests in flight finish, then the port closes. This module is imported by
every worker; it must never import the app, the servers' start or the migrations.
"""

import contextlib
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from taskapi.config import ServerSettings
from taskapi.kit.parent import exit_when_orphaned
from taskapi.kit.scheduling import finish_before_waking

TARGET = "taskapi.app:create"
STOPPING = signal.SIGUSR1
"""Tells a worker that it will be asked to stop soon: from then on it is not ready."""
FIRST = 1
"""The number of the worker that runs the background jobs too; the one that replaces it gets its number."""
LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "task-api: %(message)s"}},
    # Standard output belongs to the app's own log lines.
    "handlers": {"person": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["person"], "propagate": False}},
}
JOBS = "TASK_API_JOBS"
CONNECTIONS = 20_000
"""Open at once for each worker, idle ones too; further ones wait. How many requests may be in progress is bounded
inside, with an answer for each."""
OTHER_FILES = 250
"""Kept free for what a worker opens besides: connections to the servers, logs."""

PACKAGE = Path(__file__).parent.parent


class Worker(WorkerProcess):
    """A worker process that one thread waits for.

    The system tells one waiter only that a child has ended; Granian lets two threads wait, and when the other one was
    told, the stop took the worker for alive and said that it "refused to stop".
    """

    parent: "HttpServer"

    def _watch(self) -> None:
        self._waiting = threading.Thread(target=self._watcher, name="worker-watch")
        self._waiting.start()

    def _watcher(self) -> None:
        self.inner.join()
        if not self.interrupt_by_parent:
            self.parent.note_end()
        super()._watcher()  # type: ignore[no-untyped-call]

    @property
    def serves(self) -> bool:
        """Whether it takes connections, which it does once all in it is up."""
        try:
            lines = psutil.Process(self.inner.pid).net_connections("tcp")
        except psutil.Error:
            return False
        return any(line.status == psutil.CONN_LISTEN for line in lines)

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._waiting.is_alive()

    def join(self, timeout: float | None = None) -> None:
        """Return when it has ended, or after `timeout` seconds."""
        self._waiting.join(timeout)


class HttpServer(MPServer):
    """Serves the app from worker processes, which share the port, until a signal comes."""

    def __init__(self, settings: ServerSettings, address: str, *, reload: bool) -> None:
        """`address` is the host as a number; with `reload`, a changed file of the package starts the workers anew."""
        super().__init__(
            TARGET,
            address=address,
            port=settings.port,
            interface=Interfaces.ASGI,
            factory=True,
            workers=settings.workers,
            loop=Loops.uvloop,
            websockets=False,
            backpressure=connections_within(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
            workers_kill_timeout=settings.shutdown_grace,
            respawn_failed_workers=True,
            log_dictconfig=LOGS,
            log_level=LogLevels.warning,
            log_access=False,
            reload=reload,
            reload_paths=[PACKAGE],
            reload_ignore_worker_failure=True,
        )
        self.ended_workers = 0
        """How many ended though nobody had stopped them; others have taken their place."""
        self._counting = threading.Lock()
        self._drain_seconds = settings.drain_seconds
        self._ignores_hangups = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    def run(self) -> None:
        """Return when the server has stopped; raises SystemExit if its workers keep failing."""
        self.serve(spawn_target=run_worker)

    @property
    def is_complete(self) -> bool:
        """Whether every worker takes connections."""
        workers = list(self.wrks)
        return len(workers) == self.workers and all(isinstance(worker, Worker) and worker.serves for worker in workers)

    def note_end(self) -> None:
        """Count a worker that nobody has stopped; once all are to stop, some may have heard it from others."""
        if not self.interrupt_signal:
            with self._counting:
                self.ended_workers += 1

    def stop(self) -> None:
        """Ask it to stop; may be called from any thread, and a second time to shorten the wait."""
        self.interrupt_signal = True
        self.main_loop_interrupt.set()

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Stop at Ctrl-C or SIGTERM."""
        self.stop()

    def signal_handler_reload(self, *_: Any, **__: Any) -> None:
        """Stop when the terminal is closed, unless the program was started with `nohup`."""
        if not self._ignores_hangups:
            self.stop()

    def shutdown(self, exit_code: int = 0) -> None:
        """Let the load balancer see that this process is about to stop, then stop."""
        self.main_loop_interrupt.clear()
        for worker in self.wrks:
            with contextlib.suppress(ProcessLookupError):  # it may have ended this moment
                if worker.is_alive():  # type: ignore[no-untyped-call]
                    os.kill(worker.inner.pid, STOPPING)
        self.main_loop_interrupt.wait(self._drain_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _spawn_worker(self, *arguments: Any, **named: Any) -> WorkerProcess:
        worker: WorkerProcess = super()._spawn_worker(*arguments, **named)
        worker.__class__ = Worker  # Granian names its own class where it makes one
        return worker


def connections_within(files: int) -> int:
    """Return how many connections a worker takes that may have so many files open, as Granian has the system allow.

    One that took more than it can open would try again without a pause, and could not reach the servers either.
    """
    if files == resource.RLIM_INFINITY:
        return CONNECTIONS
    return min(CONNECTIONS, max(files // 2, files - OTHER_FILES))


def run_worker(number: int, *arguments: Any) -> None:
    """Be a worker: the target of the process that Granian starts."""
    os.setsid()
    if number != FIRST:
        os.environ[JOBS] = "false"  # one worker that looks for work is enough
    for alarm in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(alarm, signal.SIG_DFL)  # a forked worker has its parent's handlers, which would do nothing here
    signal.signal(STOPPING, signal.SIG_IGN)  # until the app is there to hear it; by default it would kill
    exit_when_orphaned()
    finish_before_waking()
    spawn: Callable[..., None] = MPServer._spawn_asgi_lifespan_worker
    spawn(number, *arguments)
    logging.shutdown()  # the end of this process does not call it; waits no longer than somebody reads the lines
