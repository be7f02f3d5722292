"""The time of day is put together of parts, and is what the standard library says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.kit import clock

NANOSECONDS = st.integers(-10_000_000_000_000_000, 30_000_000_000_000_000_000)
MICROSECOND = timedelta(microseconds=1)


@given(NANOSECONDS)
def test_both_clocks_tell_what_the_machine_says(nanoseconds: int) -> None:
    exact = datetime(1970, 1, 1, tzinfo=UTC) + nanoseconds // 1000 * MICROSECOND
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "time_ns", lambda: nanoseconds)
        assert clock.log_clock() == exact
        assert clock.system_clock() == exact.replace(microsecond=exact.microsecond // 1000 * 1000)
        assert clock.system_clock().tzinfo is UTC
