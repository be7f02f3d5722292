"""One stage for all of these tests; each leaves it as it was, and the next one does not rely on that."""

import asyncio
import contextlib
import platform
from collections.abc import Iterator

import pytest

from tests.servers import data_folder
from tests.waiting import eventually
from tests.whole.stage import FIRST, Stage, stage

MENDED_SECONDS = 60
FOLLOWED_SECONDS = 20


@pytest.fixture(scope="session")
def lasting() -> Iterator[Stage]:
    """The stage that these tests share."""
    if platform.system() != "Linux":
        pytest.skip("only Linux has more than one address of its own, as the instances need")
    with data_folder() as folder, stage(folder) as running:
        yield running


@pytest.fixture
def whole(lasting: Stage) -> Stage:
    """The stage with all servers up and three instances that get requests, whatever happened before."""
    mend(lasting)
    return lasting


@pytest.fixture(scope="module")
def calm(lasting: Stage) -> Stage:
    """The same, for tests that change nothing or put it right themselves."""
    mend(lasting)
    return lasting


def mend(running: Stage) -> None:
    """Start what does not run, and return when all is well."""
    running.disk.free()
    eventually(running.primary.takes_log_ins, MENDED_SECONDS)
    running.replica.start_again()
    running.valkey.start_again()
    running.instances.remove(*set(running.instances.running) - set(FIRST))
    running.instances.start(*(number for number in FIRST if running.instances.has_ended(number)))
    running.instances.become_ready(*FIRST)
    with contextlib.suppress(AssertionError):
        eventually(lambda: asyncio.run(follows(running)), FOLLOWED_SECONDS)
        return
    running.replica.copy_again(running.primary)  # it lacks what a primary with a full disk could not keep
    eventually(lambda: asyncio.run(follows(running)), MENDED_SECONDS)


async def follows(running: Stage) -> bool:
    """Whether the replica streams from the primary."""
    return bool(await running.primary.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"))
