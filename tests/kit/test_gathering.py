"""Whoever gathers knows how many workers there should be, and so sees those that no socket leads to."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from taskapi.kit import inspection
from taskapi.kit.metrics import Instruments, Kind, Reading
from taskapi.kit.metrics.gathering import PROCESSES, SILENT, Gathering, encoded

pytestmark = pytest.mark.anyio


def shown(gathering: Gathering) -> tuple[float, float, float]:
    """Return how many processes are there and silent, and what they did together."""
    values = {family.name: family.values for family in gathering.gather()}
    return values[PROCESSES.name]["1.2.3",], values[SILENT.name][()], values.get("done", {}).get((), 0)


def snapshot() -> bytes:
    """Return what the worker measured."""
    measured = Instruments()
    measured.add(
        Reading(PROCESSES.name, PROCESSES.meaning, lambda: {("1.2.3",): 1}, PROCESSES.labels),
        Reading("done", "How many.", lambda: 7, kind=Kind.COUNTER),
    )
    return encoded(measured.snapshot())


async def answer(_: inspection.Question) -> bytes:
    """Answer as a worker does."""
    return snapshot()


async def test_a_worker_without_a_socket_is_silent_whether_it_never_had_one_or_lost_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inspection.VARIABLE, str(tmp_path))
    gathering = Gathering(tmp_path, workers=2, version="1.2.3", ended=lambda: 0)
    assert shown(gathering) == (0, 2, 0)
    async with inspection.Inspection({"metrics": answer}, snapshot):
        assert await asyncio.to_thread(shown, gathering) == (1, 1, 7)
        shutil.rmtree(tmp_path)
        assert await asyncio.to_thread(shown, gathering) == (0, 2, 7)


async def test_a_worker_that_ended_answers_no_more_and_goes_on_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inspection.VARIABLE, str(tmp_path))
    gathering = Gathering(tmp_path, workers=1, version="1.2.3", ended=lambda: 0)
    async with inspection.Inspection({"metrics": answer}, snapshot):
        assert await asyncio.to_thread(shown, gathering) == (1, 0, 7)
    assert (tmp_path / f"{os.getpid()}{inspection.LAST_SUFFIX}").exists()
    assert shown(gathering) == (0, 1, 7)
