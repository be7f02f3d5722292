"""One stage for all of these tests; each leaves it as it was, and the next one does not rely on that."""

import asyncio
import platform
from collections.abc import Iterator

import pytest

from tests.servers import data_folder
from tests.waiting import eventually
from tests.whole.stage import FIRST, Stage, stage

MENDED_SECONDS = 60


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
    lasting.disk.free()
    eventually(lasting.primary.takes_log_ins, MENDED_SECONDS)
    lasting.replica.start_again()
    lasting.valkey.start_again()
    lasting.instances.remove(*set(lasting.instances.running) - set(FIRST))
    lasting.instances.start(*(number for number in FIRST if lasting.instances.has_ended(number)))
    lasting.instances.become_ready(*FIRST)
    eventually(lambda: asyncio.run(follows(lasting)), MENDED_SECONDS)
    return lasting


async def follows(running: Stage) -> bool:
    """Whether the replica streams from the primary."""
    return bool(await running.primary.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"))
