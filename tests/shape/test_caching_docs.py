"""docs/caching.md says what is kept as the code keeps it."""

from collections.abc import Iterator

from litestar.routes import HTTPRoute

from taskapi import services
from taskapi.http.policy import CACHE, CachePolicy
from tests.shape.cache_table import PAGE, PLACE, POLICIES, render


def declared() -> Iterator[CachePolicy]:
    """Yield what the routes declare."""
    for router in services.routers():
        for route in router.routes:
            for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
                if CACHE in handler.opt:
                    yield handler.opt[CACHE]


def test_the_table_of_keys_is_that_of_the_code() -> None:
    found = PLACE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == render(), "run: python -m tests.shape.cache_table"


def test_every_policy_that_a_route_declares_is_in_the_table() -> None:
    assert {policy.key for policy in declared()} == {policy.key for policy in POLICIES.values()}
