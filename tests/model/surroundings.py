"""What time and misfortune do: deadlines pass, processes read the row again, Redis forgets, fails over, is cut off.

Time has no figures here, only the order that deadlines keep: an entry, a floor and a generation outlast every
transaction that was open when they began, and 2 s pass for all processes at once.
"""

from collections.abc import Iterator

from tests.model import redis
from tests.model.scope import Scope
from tests.model.states import ENTRY, LAPSED, NOTHING, NOWHERE, Process, Row, Server, Versions, World, changed
from tests.model.writing import BEGUN, begun, doubted, ended

Steps = Iterator[tuple[str, World]]


def surrounding_steps(world: World, scope: Scope) -> Steps:
    """Yield what may happen around the requests."""
    yield from _deadlines(world, scope)
    yield from _sight(world, scope)
    yield from _memory_losses(world, scope)
    yield from _servers(world, scope)
    yield from _network(world, scope)
    if scope.lease:
        yield from _permissions(world, scope)


def _deadlines(world: World, scope: Scope) -> Steps:
    for place, server in enumerate(world.servers):
        versions = server.versions
        for writer, entry in enumerate(versions.writes):
            if entry == ENTRY and (scope.late_commits or _may_expire(world, scope, writer)):
                yield f"w{writer}'s entry expires", _expired(world, scope, place, writer)
        old_enough = scope.late_commits or _outlasted(world, server)
        if versions.young and (old_enough or not scope.rules.floor_outlives_transaction):
            yield "the floor is grown", _with_versions(world, place, versions._replace(young=False))
    gate = world.gate
    outlasted = (gate.rested or not scope.lease) and _outlasted(world, world.servers[gate.row.server])
    if gate.young and (scope.late_commits or outlasted):
        yield "the generation is grown", world._replace(gate=world.gate._replace(young=False))


def _expired(world: World, scope: Scope, place: int, writer: int) -> World:
    """Take out an entry past its deadline; where its write was committed, nobody knows any more."""
    versions = world.servers[place].versions
    aged = versions._replace(writes=changed(versions.writes, writer, 0))
    if scope.replica and scope.rules.expired_entries_void_the_lsn:
        return _with_versions(doubted(world), place, redis.without_lsn(aged))
    return _with_versions(world, place, aged)


def _may_expire(world: World, scope: Scope, writer: int) -> bool:
    return world.writes[writer].step != BEGUN or not scope.rules.entry_outlives_transaction


def _outlasted(world: World, server: Server) -> bool:
    """Tell whether every transaction is over that was open before: those open now have their entries here."""
    return all(
        write.step != BEGUN or server.versions.writes[writer] == ENTRY for writer, write in enumerate(world.writes)
    )


def _with_versions(world: World, place: int, versions: Versions) -> World:
    server = world.servers[place]._replace(versions=versions)
    return world._replace(servers=changed(world.servers, place, server))


def _sight(world: World, scope: Scope) -> Steps:
    """Somebody sees PostgreSQL's newest values: by a read that is not kept, or by a write that changes nothing."""
    if scope.monotonic and world.promised != world.values:
        yield "somebody sees the primary", world._replace(promised=world.values)


def _memory_losses(world: World, scope: Scope) -> Steps:
    faults = world.faults
    for place in sorted({process.server for process in world.processes} - {NOWHERE}):
        server = world.servers[place]
        if faults.flush:
            flushed = changed(world.servers, place, redis.flush(server))
            yield "FLUSHALL", world._replace(servers=flushed, faults=faults._replace(flush=faults.flush - 1))
        if faults.evict:
            for field, kept in enumerate(server.bodies):
                if kept != NOTHING:
                    yield "a body is evicted", _without_body(world, place, field)
            gone = changed(world.servers, place, redis.evict_hash(server))
            yield "the hash is evicted", world._replace(servers=gone, faults=faults._replace(evict=faults.evict - 1))
        if faults.replace and server.versions.floor:
            replaced = changed(world.servers, place, redis.replace_hash(server, world.fresh, scope.rules))
            left = faults._replace(replace=faults.replace - 1)
            told = doubted(world) if scope.replica and scope.rules.replacement_doubts_writes else world
            yield "the hash is replaced", told._replace(servers=replaced, faults=left, fresh=world.fresh + 1)


def _without_body(world: World, place: int, field: int) -> World:
    return world._replace(servers=changed(world.servers, place, redis.store(world.servers[place], field, NOTHING)))


def _servers(world: World, scope: Scope) -> Steps:
    """Server 1 is a replica of server 0 until it is promoted; what it has not received then is lost."""
    faults, old = world.faults, world.servers[0]
    empty = redis.flush(old)
    if faults.failover and world.servers[1] == empty:
        yield "the copy is taken", world._replace(servers=(old, old))
    if faults.failover:
        servers, left = (empty, world.servers[1]), faults._replace(failover=0)
        processes = tuple(process._replace(server=1) for process in world.processes)
        row, young = world.gate.row._replace(server=1), scope.rules.generation_counts_as_write
        gate = world.gate._replace(row=row, young=young)
        yield "fail-over", world._replace(servers=servers, processes=processes, gate=gate, faults=left)
    if faults.move:
        left = faults._replace(move=faults.move - 1)
        for number, process in enumerate(world.processes):
            there = process._replace(server=1 - process.server)
            processes = changed(world.processes, number, there)
            yield f"p{number} connects to server {there.server}", world._replace(processes=processes, faults=left)


def _network(world: World, scope: Scope) -> Steps:
    faults, process = world.faults, world.processes[0]
    if faults.cut and process.server != NOWHERE:
        cut = changed(world.processes, 0, process._replace(server=NOWHERE))
        yield "p0 is cut off from Redis", world._replace(processes=cut, faults=faults._replace(cut=faults.cut - 1))
    if process.server == NOWHERE:
        healed = changed(world.processes, 0, process._replace(server=world.processes[1].server))
        yield "p0 reaches Redis again", world._replace(processes=healed)
    for place, late in enumerate(world.late):
        rest = world._replace(late=(*world.late[:place], *world.late[place + 1 :]))
        deliver = begun if late.name == "begin" else ended
        yield f"w{late.writer}'s {late.name} arrives late", deliver(rest, scope, late.writer, 0, late.token)


def _permissions(world: World, scope: Scope) -> Steps:
    row = world.gate.row
    for number in scope.serving if not scope.several_servers else range(scope.processes):
        process = world.processes[number]
        if not scope.rules.lease_counts_from_question:
            yield from _slow_reading(world, number, process)
        if process.lease != row or (not row.open and not process.waited):
            seen = changed(world.processes, number, _granted(process, row))
            yield f"p{number} reads the row", world._replace(processes=seen)
        if scope.several_servers and row.open and process.server != row.server == process.lease.server:
            yield from _close_for_another_server(world, number)
    later = tuple(process._replace(lease=LAPSED, waited=2 if process.waited else 0) for process in world.processes)
    if later != world.processes or not world.gate.rested:
        yield "2 s pass", world._replace(processes=later, gate=world.gate._replace(rested=True))


def _granted(process: Process, row: Row) -> Process:
    """Return the process after a reading of the row; the lease counts from before it was sent."""
    return process._replace(lease=row, answer=LAPSED, waited=process.waited if row.open else max(process.waited, 1))


def _slow_reading(world: World, number: int, process: Process) -> Steps:
    if process.answer != world.gate.row:
        asked = changed(world.processes, number, process._replace(answer=world.gate.row))
        yield f"p{number}'s reading of the row is answered", world._replace(processes=asked)
    if process.answer != LAPSED:
        seen = changed(world.processes, number, _granted(process, process.answer))
        yield f"the answer reaches p{number}", world._replace(processes=seen)


def _close_for_another_server(world: World, number: int) -> Steps:
    if world.faults.close:
        gate = world.gate._replace(row=world.gate.row._replace(open=False), rested=False)
        faults = world.faults._replace(close=world.faults.close - 1)
        process = world.processes[number]
        processes = changed(world.processes, number, process._replace(lease=LAPSED, waited=1))
        yield f"p{number} closes the gate", world._replace(gate=gate, faults=faults, processes=processes)
