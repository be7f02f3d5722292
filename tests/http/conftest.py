"""The toy API, in memory or with a database behind a line that a test can hold or cut."""

from collections.abc import Iterator

import pytest

from taskapi.http import idempotency
from taskapi.http.edge import Edge
from taskapi.kit.database import Database
from tests.http.toy import Rooms, toy
from tests.kit.conftest import anyio_backend, database, database_url, line, look, wire
from tests.kit.log_lines import LogLines, logged
from tests.kit.patience import pytest_pyfunc_call

__all__ = ["anyio_backend", "database", "database_url", "line", "look", "pytest_pyfunc_call", "wire"]


@pytest.fixture(autouse=True)
def lines() -> Iterator[LogLines]:
    """What is logged meanwhile."""
    with logged() as found:
        yield found


@pytest.fixture(scope="session")
def rooms() -> Rooms:
    """What the toy's routes are given."""
    return Rooms()


@pytest.fixture(scope="session")
def app(rooms: Rooms) -> Edge:
    """The toy."""
    return toy(rooms)


@pytest.fixture
def writing(app: Edge, rooms: Rooms, database: Database) -> Iterator[Edge]:
    """The toy with a database."""
    database.hooks.constraints = {**database.hooks.constraints, **idempotency.CONSTRAINTS}
    rooms.database = database
    yield app
    rooms.database = None
