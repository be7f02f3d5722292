"""The table of services: which domains a process serves. The only place that lists domains.

Each service is a set of domains; `all` is everything in one process.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from litestar import Router

from taskapi.auth import jobs as auth_jobs
from taskapi.auth import policy as auth_policy
from taskapi.auth import routes as auth_routes
from taskapi.auth import store as auth_store
from taskapi.auth.sessions import PostgresSessions, PostgresSessionSource
from taskapi.contracts.directory import Directory, SessionKeeper
from taskapi.contracts.sessions import SessionSource
from taskapi.errors import Error
from taskapi.http import idempotency
from taskapi.resources import Resources
from taskapi.tasks import jobs as tasks_jobs
from taskapi.tasks import routes as tasks_routes
from taskapi.tasks import store as tasks_store
from taskapi.users import routes as users_routes
from taskapi.users import store as users_store
from taskapi.users.directory import PostgresDirectory

Job = Callable[[Resources], Awaitable[int]]
"""Does one bounded piece of work and returns how much it did; zero means there is nothing left for now."""


class Domain(NamedTuple):
    """What a domain brings to a process."""

    routers: Callable[[], list[Router]]
    constraints: Mapping[str, type[Error]]
    jobs: tuple[Job, ...] = ()


AUTH = Domain(auth_routes.routers, auth_store.CONSTRAINTS, auth_jobs.JOBS)
USERS = Domain(users_routes.routers, users_store.CONSTRAINTS)
TASKS = Domain(tasks_routes.routers, tasks_store.CONSTRAINTS, tasks_jobs.JOBS)

SERVICES: Mapping[str, tuple[Domain, ...]] = {"all": (AUTH, USERS, TASKS)}


def constraints() -> dict[str, type[Error]]:
    """Return which error each named constraint of the database stands for."""
    found: dict[str, type[Error]] = dict(idempotency.CONSTRAINTS)
    for domain in SERVICES["all"]:
        found |= domain.constraints
    return found


def routers(service: str = "all") -> list[Router]:
    """Return the routers of a service."""
    return [router for domain in SERVICES[service] for router in domain.routers()]


def jobs(service: str = "all") -> tuple[Job, ...]:
    """Return the background jobs of a service."""
    return tuple(job for domain in SERVICES[service] for job in domain.jobs)


def directory() -> Directory:
    """Return who knows people."""
    return PostgresDirectory()


def session_source() -> SessionSource:
    """Return who knows which sessions live."""
    return PostgresSessionSource()


def session_keeper() -> SessionKeeper:
    """Return who can end people's sessions."""
    return PostgresSessions()


def refused_attempts() -> dict[str, int]:
    """Return the limits of attempts under the names that metrics show, none of which has refused anything yet."""
    return dict.fromkeys(auth_policy.REFUSALS.values(), 0)
