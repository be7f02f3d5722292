"""A short campaign, the same each time; `make fuzz` runs long ones."""

import pytest

from tests.fuzz.campaign import Campaign, Extent
from tests.fuzz.target import answers, failures, running_target

SEED = 20_261_124
EXTENT = Extent(examples=3, scenarios=8)
AT_LEAST = 1_500


@pytest.mark.timeout(900)
def test_generated_requests_find_nothing_wrong() -> None:
    with running_target() as (program, people):
        campaign = Campaign(program.url, people, SEED, EXTENT)
        campaign.run(1)
        assert failures(program) == []
        assert answers(program) >= campaign.tally.sent
    assert campaign.tally.broken == []
    assert campaign.findings == {}
    assert campaign.tally.sent >= AT_LEAST
    assert set(campaign.tally.by_phase) == {"examples", "coverage", "fuzzing", "stateful"}
