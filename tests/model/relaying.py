"""The net under crashes: the outbox relay, the replay of a keyed request, and the opening of a closed gate.

Whoever announces a row gives its fields new versions, which nobody can do too often. Taking out the entry as well is
more than the program does, and allows more to be served; only where replicas are read is it left alone, as there.
"""

from collections.abc import Iterator

from tests.model import redis
from tests.model.scope import Scope
from tests.model.states import NOWHERE, Gate, Row, World, changed
from tests.model.writing import ANNOUNCED, HAS_ROW, SHARING, UNANNOUNCED, answered, ended

Steps = Iterator[tuple[str, World]]


def relay_steps(world: World, scope: Scope) -> Steps:
    """Yield what relays and replays may do next."""
    if not scope.rules.versions_decide:
        return
    for writer, write in enumerate(world.writes):
        if write.step in HAS_ROW:
            for place in _reachable(world):
                yield f"the relay announces w{writer}", announced(world, scope, writer, place)
        if scope.replays:
            yield from _replay(world, scope, writer)
    if scope.lease:
        yield from _open_again(world, scope)


def announced(world: World, scope: Scope, writer: int, place: int) -> World:
    """Return the world after a row was announced on the server at `place`."""
    if scope.replica:
        fields, token = scope.writers[writer].fields, world.fresh
        told = redis.announce(world.servers[place], fields, token, world.values[0], scope.rules)
        world = world._replace(servers=changed(world.servers, place, told), fresh=token + scope.fields + 1)
    elif scope.rules.relay_gives_versions:
        world = ended(world, scope, writer, place)
    write = world.writes[writer]
    if write.step == UNANNOUNCED:
        world = world._replace(writes=changed(world.writes, writer, write._replace(step=ANNOUNCED)))
    return world


def _replay(world: World, scope: Scope, writer: int) -> Steps:
    """Answer a repeated request as the crashed original would have been, once its row is announced."""
    step = world.writes[writer].step
    if step == ANNOUNCED or (step == UNANNOUNCED and not scope.rules.replay_announces):
        yield f"w{writer} is replayed", answered(world, writer)


def _open_again(world: World, scope: Scope) -> Steps:
    """Open the gate FOR UPDATE, so after every write that shares it, and after every row was announced.

    It stayed closed for longer than any permission lasts, so that nobody serves under the generation before.
    """
    shared = any(write.step == SHARING for write in world.writes) and scope.rules.closed_checked_in_transaction
    if world.gate.row.open or not world.gate.rested or shared:
        return
    for place in _reachable(world):
        done = world
        for writer, write in enumerate(world.writes):
            if write.step in HAS_ROW:
                done = announced(done, scope, writer, place)
        renewed = scope.rules.opened_with_new_generation
        row = Row(world.gate.row.generation + renewed, place, True)
        processes = world.processes
        if scope.rules.closed_checked_in_transaction:  # what was seen of a generation before counts no longer
            processes = tuple(process._replace(waited=0) for process in processes)
        young = scope.rules.generation_counts_as_write
        yield "the relay opens the gate", done._replace(gate=Gate(row, young, False), processes=processes)


def _reachable(world: World) -> list[int]:
    return sorted({process.server for process in world.processes if process.server != NOWHERE})
