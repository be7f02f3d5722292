"""Where programs keep their data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import data_folder, used_data


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a program will make its data folder."""
    with data_folder() as path:
        yield path / "data"


@pytest.fixture
def used() -> Iterator[Path]:
    """A data folder that was used before."""
    with used_data() as path:
        yield path
