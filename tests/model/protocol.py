"""Puts the steps of all parts together into one model that can be explored."""

from collections.abc import Iterator

from tests.model import redis
from tests.model.canonical import Canon
from tests.model.explore import Model
from tests.model.reading import NO_READ, read_steps
from tests.model.relaying import relay_steps
from tests.model.scope import Scope
from tests.model.states import LAPSED, NOTHING, Gate, Process, Row, Server, Versions, World, Write
from tests.model.surroundings import surrounding_steps
from tests.model.writing import IDLE, write_steps

FIRST_FLOOR, FIRST_FRESH = 2, 3


def model_of(scope: Scope) -> Model[World]:
    """Return the model of the protocol in the world of `scope`."""

    def steps(world: World) -> Iterator[tuple[str, World]]:
        yield from write_steps(world, scope)
        yield from read_steps(world, scope)
        yield from relay_steps(world, scope)
        yield from surrounding_steps(world, scope)

    return Model(start(scope), steps, Canon(scope), lambda world: world.wrong)


def start(scope: Scope) -> World:
    """Return a user who has registered, with a grown floor, and nothing kept anywhere."""
    zeros = (0,) * scope.fields
    versions = Versions(zeros, FIRST_FLOOR, False, (0,) * len(scope.writers))
    server = Server(versions, (NOTHING,) * scope.fields)
    row = Row(1, 0, True)
    lease = row if not scope.lease else LAPSED
    servers = (server, redis.flush(server)) if scope.faults.failover else (server,)
    if scope.several_servers:
        servers = (server, server)
    return World(
        values=zeros,
        promised=zeros,
        gate=Gate(row, False, True),
        servers=servers,
        processes=(Process(0, lease, LAPSED, 0, (NOTHING,) * scope.fields),) * scope.processes,
        writes=(Write(IDLE, zeros, 0, 0),) * len(scope.writers),
        reads=(NO_READ,) * scope.readers,
        late=(),
        faults=scope.faults,
        fresh=FIRST_FRESH,
        wrong="",
    )
