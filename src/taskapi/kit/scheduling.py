"""How the machine shares its processors among this process's threads."""

import contextlib
import os


def finish_before_waking() -> None:
    """Let a thread that has work for another go on until it waits itself, instead of giving way at once.

    The event loop hands each answer to the HTTP server's thread. On a machine without a free processor that thread
    would take the loop's place a thousand times a second, for one answer each time. Threads that start later do the
    same.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # where that is forbidden, everything works as before
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
