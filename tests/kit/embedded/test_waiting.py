from pathlib import Path

import pytest

from taskapi.kit.embedded import postgres, valkey
from taskapi.kit.embedded.failures import StartFailed


def give_up() -> None:
    """Say that the wait is pointless."""
    raise StartFailed("The guardian has ended.")


def test_a_server_that_does_not_come_up_is_not_waited_for_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "READY_SECONDS", 0)
    monkeypatch.setattr(valkey, "READY_SECONDS", 0)
    with pytest.raises(StartFailed, match="PostgreSQL did not come up within 0 seconds"):
        postgres.make_ready(folder, lambda: None)
    with pytest.raises(StartFailed, match="Valkey did not come up within 0 seconds"):
        valkey.wait(folder, lambda: None)


def test_a_wait_that_has_become_pointless_ends_at_once(folder: Path) -> None:
    with pytest.raises(StartFailed, match="guardian"):
        postgres.make_ready(folder, give_up)
    with pytest.raises(StartFailed, match="guardian"):
        valkey.wait(folder, give_up)
