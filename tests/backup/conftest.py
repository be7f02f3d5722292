"""An application on a database of its own, which a test may replace, and people in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from taskapi.config import Secret, Settings
from tests.house import House, serving
from tests.people import Client
from tests.servers import Servers


@pytest.fixture
def url(servers: Servers) -> str:
    """A migrated database of its own."""
    return servers.create_migrated_database()


@pytest.fixture
def empty(servers: Servers) -> str:
    """A database without anything."""
    return servers.create_database()


@pytest.fixture
def house(settings: Settings, url: str) -> Iterator[House]:
    """The API on that database."""
    with serving(structs.replace(settings, database=structs.replace(settings.database, url=Secret(url)))) as running:
        yield running


@pytest.fixture
def ada(house: House) -> Iterator[Client]:
    """A person with tasks of all sorts, whose text has whatever COPY's text has to escape."""
    with Client(house.url) as client:
        assert client.register("ada").status_code == 201
        client.log_in()
        client.task("\\N and \\. 🎉", description="one\ttab\ntwo\\n\n\\.\nend", labels=["a,b", '"{}"', "Ü"])
        client.task("Pay", dueAt="2026-01-31T12:00:00.123456Z", priority="urgent")
        done = client.task("Done")["id"]
        client.put(f"/api/tasks/{done}/completion")
        client.delete(f"/api/tasks/{client.task('Gone')['id']}")
        client.post("/api/tasks", json={"title": "Once"}, headers={"Idempotency-Key": "k"})
        yield client


@pytest.fixture
def grace(house: House, ada: Client) -> Iterator[Client]:
    """A stranger to ada."""
    with Client(house.url) as client:
        assert client.register("grace").status_code == 201
        yield client.log_in()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the backup is to be."""
    return tmp_path / "saved.zip"
