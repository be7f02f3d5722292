"""Lists against the rules spelled out: any filters, any order, any page size, and every way to the same page."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.resources import Resources
from taskapi.tasks import draft, listing, pages, store
from taskapi.tasks.model import Priority, Status, Task
from taskapi.tasks.query import Sort, TaskQuery
from tests.house import House
from tests.people import Client
from tests.tasks.seeding import LABELS, START, WORDS, listed, principal, some_task, store_tasks

MOMENTS = st.none() | st.integers(-1, 18).map(lambda hours: START + timedelta(hours=hours, minutes=hours % 2))
QUERIES = st.builds(
    TaskQuery,
    statuses=st.lists(st.sampled_from(Status), max_size=2).map(tuple),
    priorities=st.lists(st.sampled_from(Priority), max_size=3).map(tuple),
    labels=st.lists(st.sampled_from((*LABELS, "nowhere")), max_size=2).map(tuple),
    due_before=MOMENTS,
    due_after=MOMENTS,
    updated_since=MOMENTS,
    text=st.none() | st.sampled_from((*WORDS, "cafe", "STRASSE", "naive tax", "nothing", "?!")),
    sort=st.sampled_from(Sort),
)
TASKS = 120


class Shelf:
    """A person with tasks, some of them in the trash."""

    def __init__(self, house: House, person: Client) -> None:
        chance = random.Random(7)
        self.caller = principal(person.id)
        self.tasks = [some_task(chance) for _ in range(TASKS)]
        self._trashed = [some_task(chance) for _ in range(TASKS)]
        house.run(self._fill(house.rooms))

    async def _fill(self, rooms: Resources) -> None:
        owner = self.caller.user_id
        await store_tasks(rooms, owner, [*self.tasks, *self._trashed])
        async with rooms.database.transaction() as transaction:
            await store.trash(transaction, owner, [task.id for task in self._trashed], START)


@pytest.fixture(scope="module")
def shelf(house: House) -> Iterator[Shelf]:
    with Client(house.url) as person:
        assert person.register("ada").status_code == 201
        yield Shelf(house, person)


@pytest.fixture(params=[(2000, 40), (5, 2), (0, 1)], ids=["as-it-is", "short-reach", "no-shortcut"])
def reach(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the thresholds, so that few tasks are enough to go every way."""
    monkeypatch.setattr(pages, "SHORTCUT_ROWS", request.param[0])
    monkeypatch.setattr(draft, "AHEAD", request.param[1])


async def paged(rooms: Resources, shelf: Shelf, query: TaskQuery, limit: int) -> list[Task]:
    """Return all pages of a list, put together."""
    found: list[Task] = []
    after = None
    while True:
        page, after = await listing.list_tasks(rooms, shelf.caller, query, after, limit)
        assert len(page) == limit or after is None
        found += page
        if after is None:
            return found


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES, limit=st.integers(1, 60))
def test_a_list_is_what_the_rules_say(house: House, shelf: Shelf, reach: None, query: TaskQuery, limit: int) -> None:
    found = house.run(paged(house.rooms, shelf, query, limit))
    assert found == listed(shelf.tasks, query)


@pytest.mark.parametrize("sort", list(Sort))
def test_every_order_with_pages_of_one(house: House, shelf: Shelf, sort: Sort) -> None:
    query = TaskQuery(sort=sort)
    assert house.run(paged(house.rooms, shelf, query, 1)) == listed(shelf.tasks, query)


def test_a_statement_that_is_prepared_for_any_arguments_finds_the_same(house: House, shelf: Shelf) -> None:
    for text in ("milk", "cafe", "nothing", "tax", "garden", "report", "mail"):
        query = TaskQuery(text=text, sort=Sort.DUE)
        for _ in range(2):
            assert house.run(paged(house.rooms, shelf, query, 7)) == listed(shelf.tasks, query)
