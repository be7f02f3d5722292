import threading
from collections.abc import Callable

import pytest

from taskapi.cli import banner
from taskapi.config import ServerSettings
from taskapi.kit.embedded.servers import Endpoint, Endpoints
from tests.house import House
from tests.system.launch import free_port

ENDPOINTS = Endpoints(
    Endpoint("postgresql://ada:hunter2@db/tasks", "given by DATABASE_URL"),
    Endpoint("redis://:hunter2@cache", "given by REDIS_URL"),
)


def announced(
    settings: ServerSettings,
    stopped: threading.Event,
    capfd: pytest.CaptureFixture[str],
    is_complete: Callable[[], bool] = lambda: True,
) -> str:
    """What people are told."""
    banner.announce(settings, ENDPOINTS, "given by JWT_SECRET", stopped, is_complete)
    told = capfd.readouterr()
    assert told.out == ""
    return told.err


def test_people_are_told_what_runs_and_no_password(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    port = int(house.url.rpartition(":")[2])
    told = announced(ServerSettings(host="0.0.0.0", port=port), threading.Event(), capfd)  # noqa: S104
    assert f"http://127.0.0.1:{port}/docs" in told
    assert "given by DATABASE_URL" in told
    assert "hunter2" not in told


def test_an_api_that_does_not_become_healthy_is_told_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banner, "WAIT_SECONDS", 0)
    port = free_port()
    told = announced(ServerSettings(port=port), threading.Event(), capfd)
    assert f"Not healthy after 0 seconds: http://127.0.0.1:{port}/api/health says nothing" in told


def test_nothing_is_announced_while_a_worker_is_missing(
    house: House, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banner, "WAIT_SECONDS", 0)
    port = int(house.url.rpartition(":")[2])
    told = announced(ServerSettings(port=port), threading.Event(), capfd, lambda: False)
    assert "is ready" not in told
    assert "not up yet" in told


def test_a_stop_before_that_needs_no_words(capfd: pytest.CaptureFixture[str]) -> None:
    stopped = threading.Event()
    stopped.set()
    assert announced(ServerSettings(port=free_port()), stopped, capfd) == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:3000"), ("::", "http://[::1]:3000"), ("api.local", "http://api.local:3000")],
)
def test_the_address_that_people_open_works_on_this_machine(host: str, url: str) -> None:
    assert banner.base_url(ServerSettings(host=host)) == url
