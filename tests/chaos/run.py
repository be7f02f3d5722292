"""Puts servers, proxies, fleet and people together for one run of a plan."""

import secrets
from collections.abc import Callable
from pathlib import Path
from random import Random

import uvloop

from tests.chaos.campaign import Campaign, Plan
from tests.chaos.fleet import Fleet, Server, Target
from tests.chaos.ledger import Ledger
from tests.chaos.links import Link, Links
from tests.chaos.scene import Scene
from tests.chaos.stores import Stores, running_stores
from tests.chaos.weather import Weather

SERVERS = 3


def run(plan: Plan, target: Target, folder: Path, say: Callable[[str], None]) -> Ledger:
    """Run a plan in a folder, where the journal and the servers' logs stay, and return what was counted."""
    ledger = Ledger(Weather(), folder / "journal.jsonl")
    try:
        with (
            Links() as links,
            running_stores(folder, links) as stores,
            fleet_of(target, folder, links, stores) as fleet,
        ):
            scene = Scene(stores, fleet, ledger, Random(plan.seed))
            uvloop.run(Campaign(plan, scene, target.features, say).run())
    finally:
        ledger.close()
    return ledger


def fleet_of(target: Target, folder: Path, links: Links, stores: Stores) -> Fleet:
    """Return the servers of a target, ready to be started."""
    settings = {"DATABASE_URL": stores.database_url, "JWT_SECRET": secrets.token_urlsafe(48)}
    return Fleet(
        [
            Server(number, target, folder, Link(links, f"server {number}", stores.primary.port), settings)
            for number in range(SERVERS)
        ]
    )
