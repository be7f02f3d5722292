"""Tests say which program they lack, and in CI that is a failure."""

import pytest

from tests.programs import program

Skipped, Failed = pytest.skip.Exception, pytest.fail.Exception


def test_a_program_that_is_there_is_found() -> None:
    assert program("sh").endswith("/sh")


def test_a_missing_program_is_a_skip_that_says_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(Skipped, match="no-such-program is not installed"):
        program("no-such-program")


def test_in_ci_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Failed, match="no-such-program is not installed"):
        program("no-such-program")
