"""Folders and users for tests of the embedded servers, which work for root and for an ordinary user alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskapi.config import EmbeddedSettings, Settings
from taskapi.kit.embedded.account import Account, server_account


@pytest.fixture(scope="module", autouse=True)
def nothing_on_path() -> Iterator[None]:
    """Whatever this machine has installed, the servers are those of the wheels unless a test says otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        yield


@pytest.fixture
def account() -> Account | None:
    """Whoever runs the servers here."""
    return server_account("nobody")


@pytest.fixture
def settings(folder: Path) -> Settings:
    """Settings that name no server."""
    return Settings(embedded=EmbeddedSettings(data_dir=folder))
