"""A request that reads: admitted in one trip; answered from what is kept, or loaded, and perhaps kept.

Nothing older may be answered than what somebody was told of before the request arrived.
"""

from collections.abc import Iterator

from tests.model import redis
from tests.model.scope import Scope
from tests.model.states import NOTHING, NOWHERE, PRIMARY, Kept, Process, Read, Versions, World, changed

IDLE, ADMITTED, LOADED = "idle", "admitted", "loaded"
NO_READ = Read(IDLE, 0, 0, 0, 0, 0, 0, False, PRIMARY, 0)

Steps = Iterator[tuple[str, World]]


def read_steps(world: World, scope: Scope) -> Steps:
    """Yield what each reading request may do next; those that are idle are alike, so the first stands for all."""
    idle = False
    for place, read in enumerate(world.reads):
        if read.step == ADMITTED:
            yield from _load(world, place, read)
        elif read.step == LOADED:
            yield from _keep_and_answer(world, scope, place, read)
        elif not idle:
            idle = True
            for number in scope.serving[: scope.processes]:
                process = world.processes[number]
                for field in scope.read:
                    arrival = NO_READ._replace(process=number, field=field, least=world.promised[field])
                    yield from _arrive(world, scope, place, arrival, process)


def may_serve(world: World, scope: Scope, process: Process) -> bool:
    """Tell whether the process may serve and keep bodies: a read of the row, under 2 s ago, said so."""
    if not scope.lease:
        return True
    names_it = process.lease.server == process.server or not scope.rules.row_names_server
    return process.lease.open and names_it


def _arrive(world: World, scope: Scope, place: int, read: Read, process: Process) -> Steps:
    if process.server == NOWHERE:
        admitted = read._replace(step=ADMITTED)
        yield f"p{read.process} reads past Redis", world._replace(reads=changed(world.reads, place, admitted))
        return
    if not scope.rules.trips_answer_earlier_arrivals:
        for other in world.reads:
            if other.step == ADMITTED and (other.process, other.field) == (read.process, read.field):
                yield from _look(world, scope, place, other._replace(least=read.least), False)
    server = world.servers[process.server]
    versions = redis.admit(server.versions, world.fresh, scope.rules)
    if versions is not server.versions:
        servers = changed(world.servers, process.server, server._replace(versions=versions))
        world = world._replace(servers=servers, fresh=world.fresh + 1)
    busy = redis.write_under_way(versions, scope.rules)
    yield from _look(world, scope, place, _admitted(world, scope, read, process, versions, busy), busy)


def _admitted(world: World, scope: Scope, read: Read, process: Process, versions: Versions, busy: bool) -> Read:
    keeps = may_serve(world, scope, process) and not busy and not world.gate.young
    lsn = (
        redis.replica_needs(versions, process.server, scope.rules)
        if scope.replica and not world.gate.young
        else PRIMARY
    )
    return read._replace(
        step=ADMITTED,
        version=redis.version(versions, read.field) if scope.rules.versions_decide else redis.CONSTANT,
        server=process.server,
        generation=process.lease.generation,
        keeps=keeps or not scope.rules.versions_decide,
        lsn=lsn,
    )


def _look(world: World, scope: Scope, place: int, read: Read, busy: bool) -> Steps:
    process = world.processes[read.process]
    for kept, where in _found(world, scope, process, read):
        if may_serve(world, scope, process) and _fresh(kept, read, busy, scope):
            if read.field not in scope.sessions and scope.rules.versions_decide:
                world = _remember(world, read, kept)
            yield f"p{read.process} reads {kept.value} from {where}", _answered(world, scope, place, read, kept.value)
            return
    for other in world.reads:
        if scope.shared_loads and _joins(read, other, scope):
            yield f"p{read.process} joins a load of {other.value}", _answered(world, scope, place, read, other.value)
            return
    yield f"p{read.process} is admitted", world._replace(reads=changed(world.reads, place, read))


def _found(world: World, scope: Scope, process: Process, read: Read) -> tuple[tuple[Kept, str], ...]:
    in_redis = (world.servers[process.server].bodies[read.field], "Redis")
    if read.field in scope.sessions or not scope.rules.versions_decide:
        return (in_redis,)
    return ((process.memory[read.field], "memory"), in_redis)


def _fresh(kept: Kept, read: Read, busy: bool, scope: Scope) -> bool:
    """Tell whether what is kept may be served to an admitted request.

    The copy of a session is believed while some other write is under way: a write that touches sessions has given
    them another version at its begin.
    """
    if not scope.rules.versions_decide or kept is NOTHING:
        return kept != NOTHING
    is_session = read.field in scope.sessions
    compared = scope.rules.session_copies_compared or not is_session
    same_epoch = (kept.server, kept.generation) == (read.server, read.generation) or not scope.rules.epochs_decide
    return (
        kept.version != 0 and same_epoch and (kept.version == read.version or not compared) and (is_session or not busy)
    )


def _joins(read: Read, other: Read, scope: Scope) -> bool:
    if other.step != LOADED or (other.process, other.field) != (read.process, read.field):
        return False
    same = (other.version, other.server, other.generation) == (read.version, read.server, read.generation)
    quiet = read.keeps and other.keeps
    return (same or not scope.rules.loads_joined_under_one_version) and (
        quiet or not scope.rules.loads_joined_without_writes
    )


def _load(world: World, place: int, read: Read) -> Steps:
    """Read the primary or, if that is allowed, a replica, which may be at any place from the LSN on."""
    value = world.values[read.field]
    yield f"p{read.process} loads {value}", _loaded(world, place, read, value)
    for replayed in range(read.lsn, value) if read.lsn != PRIMARY else ():
        yield f"p{read.process} loads {replayed} from a replica", _loaded(world, place, read, replayed)


def _loaded(world: World, place: int, read: Read, value: int) -> World:
    """Have the value at hand; already now it must not be stale, so that whoever joins the load need not ask again."""
    loaded = read._replace(step=LOADED, value=value, lsn=PRIMARY)
    return world._replace(reads=changed(world.reads, place, loaded), wrong=_stale(value, read.least))


def _keep_and_answer(world: World, scope: Scope, place: int, read: Read) -> Steps:
    answer = f"p{read.process} answers {read.value}"
    kept = Kept(read.version, read.server, read.generation, read.value)
    if not read.keeps or kept.version == 0:
        yield answer, _answered(world, scope, place, read, read.value)
        return
    at = world.processes[read.process].server
    if at != NOWHERE and not _filed_as_admitted(read, scope):
        kept = kept._replace(version=redis.version(world.servers[at].versions, read.field))
    if read.field not in scope.sessions and scope.rules.versions_decide:
        world = _remember(world, read, kept)
    yield answer, _answered(world, scope, place, read, read.value)
    if at != NOWHERE and _may_store(world, scope, at, read):
        stored = world._replace(servers=changed(world.servers, at, redis.store(world.servers[at], read.field, kept)))
        yield f"{answer} and stores it", _answered(stored, scope, place, read, read.value)


def _filed_as_admitted(read: Read, scope: Scope) -> bool:
    return scope.rules.filed_as_admitted and (
        scope.rules.sessions_filed_as_admitted or read.field not in scope.sessions
    )


def _may_store(world: World, scope: Scope, at: int, read: Read) -> bool:
    """A copy that is not compared when it is believed has at least to be compared when it is stored."""
    if read.field not in scope.sessions or scope.rules.session_copies_compared:
        return True
    versions = world.servers[at].versions
    return not redis.write_under_way(versions, scope.rules) and redis.version(versions, read.field) == read.version


def _remember(world: World, read: Read, kept: Kept) -> World:
    process = world.processes[read.process]
    process = process._replace(memory=changed(process.memory, read.field, kept))
    return world._replace(processes=changed(world.processes, read.process, process))


def _answered(world: World, scope: Scope, place: int, read: Read, value: int) -> World:
    """Answer, and remember that somebody has seen `value` if reads have to be monotonic."""
    promised = world.promised
    if scope.monotonic and value > promised[read.field]:
        promised = changed(promised, read.field, value)
    return world._replace(
        reads=changed(world.reads, place, NO_READ), promised=promised, wrong=_stale(value, read.least)
    )


def _stale(value: int, least: int) -> str:
    return f"a read got {value}, though {least} was known before it" if value < least else ""
