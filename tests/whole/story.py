"""What happens to the whole while it is watched for a picture: eight minutes in which dashboards see something."""

from tests.deploy.traffic import Traffic
from tests.people import Client
from tests.whole.stage import FIRST, Stage

FEW, MORE = 8, 16
PAUSE = 0.25
"""Seconds that people wait between two requests."""

ALLOWED = {"TASK_API_RATE_LIMIT": "300", "TASK_API_REGISTER_PER_ADDRESS": "100"}
"""Requests a minute of each: more than these people send, fewer than a program does that never waits."""

QUIET, BUSY, WITHOUT_ONE, FULL, WELL = 150, 75, 110, 15, 45
"""Seconds of each part."""

HURRY = 900
"""How many requests the program sends."""


def lived(whole: Stage) -> Traffic:
    """Let more people come, kill one instance and bring it back, fill the disk, and let a program hurry."""
    with Traffic(whole.nginx.url, FEW, PAUSE) as few:
        few.for_seconds(QUIET)
        with Traffic(whole.nginx.url, MORE, PAUSE) as more:
            more.for_seconds(BUSY)
            whole.instances.running[FIRST[-1]].kill()
            more.for_seconds(WITHOUT_ONE)
            whole.instances.start(FIRST[-1])
            whole.instances.become_ready(FIRST[-1])
            more.for_seconds(WELL)
            whole.disk.fill()
            more.for_seconds(FULL)
            whole.disk.free()
            more.for_seconds(WELL)
        _hurry(whole.nginx.url, few)
        few.for_seconds(WELL)
    return few


def _hurry(url: str, others: Traffic) -> None:
    with Client(url) as program:
        program.register("program")
        program.log_in()
        for _ in range(HURRY):
            program.get("/api/tasks/summary")
            others.for_seconds(0.03)
