"""Where programs keep their data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import used_data


@pytest.fixture
def fresh(folder: Path) -> Path:
    """Where a program will make its data folder."""
    return folder / "data"


@pytest.fixture
def used() -> Iterator[Path]:
    """A data folder that was used before."""
    with used_data() as path:
        yield path
