"""Here passwords are hashed as everywhere outside of tests: what they cost, and how long they take, is a subject."""

from collections.abc import Iterator

import msgspec
import pytest

from taskapi.config import AuthSettings, Settings
from taskapi.kit.telemetry import configure_logs
from tests.house import House, serving


@pytest.fixture(scope="session")
def settings(settings: Settings) -> Settings:
    """The settings of the house, with the usual cost of hashing."""
    return msgspec.structs.replace(settings, auth=AuthSettings(jwt_secret=settings.auth.jwt_secret))


@pytest.fixture(scope="session")
def house(settings: Settings) -> Iterator[House]:
    """The API with these settings, beside the one that other tests share."""
    configure_logs(settings.logs)
    with serving(settings) as running:
        yield running
