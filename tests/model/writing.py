"""A transaction that writes: begin in Redis, COMMIT, `end` in Redis, answer; and what it does when Redis is silent."""

from collections.abc import Iterator

from tests.model import redis
from tests.model.scope import Scope
from tests.model.states import LAPSED, NOTHING, NOWHERE, Gate, Late, Process, World, Write, changed

IDLE = "idle"
BEGUN = "begun"  # Redis confirmed; the transaction is open
UNSURE = "begin unsure"
CLOSED = "gate closed"  # waits before its COMMIT
SHARING = "sharing the closed gate"  # holds the row FOR SHARE
COMMITTED = "committed"
END_UNSURE = "end unsure"
CLOSED_LATE = "gate closed after the commit"
COMMITTED_CLOSED = "committed under the closed gate"
UNANNOUNCED = "crashed after its commit"
ANNOUNCED = "announced by another"
DONE = "done"

HAS_ROW = {COMMITTED, END_UNSURE, CLOSED_LATE, COMMITTED_CLOSED, UNANNOUNCED}

Steps = Iterator[tuple[str, World]]


def write_steps(world: World, scope: Scope) -> Steps:
    """Yield what each write may do next."""
    for writer, write in enumerate(world.writes):
        yield from _STEPS.get(write.step, _nothing)(world, scope, writer)


def _nothing(world: World, scope: Scope, writer: int) -> Steps:
    yield from ()


def confirmed(world: World, scope: Scope, process: Process) -> bool:
    """Tell whether a reply counts: the row, read under 2 s ago, names the server that sent it."""
    if not scope.several_servers or not scope.rules.row_names_server:
        return True
    return process.lease.generation != 0 and process.lease.server == process.server


def _begin(world: World, scope: Scope, writer: int) -> Steps:
    process = _process(world, scope, writer)
    if not scope.rules.versions_decide:
        yield f"w{writer} begins", _at(world, writer, BEGUN)
    elif process.server == NOWHERE:
        yield f"w{writer} cannot begin", _at(world, writer, UNSURE)
    else:
        step = BEGUN if confirmed(world, scope, process) else UNSURE
        yield f"w{writer} begins", _at(begun(world, scope, writer, process.server), writer, step)
        yield from _lose(world, scope, writer, UNSURE)


def begun(world: World, scope: Scope, writer: int, place: int, token: int = 0) -> World:
    """Return the world after the script `begin` on the server at `place`."""
    fields = scope.writers[writer].fields
    if not token:
        token, world = _token(world, scope, writer)
    servers = changed(world.servers, place, redis.begin(world.servers[place], writer, fields, token, scope.rules))
    young = world.gate.young or servers[place].versions.young
    write = world.writes[writer]._replace(server=NOWHERE if young else place)
    return world._replace(servers=servers, writes=changed(world.writes, writer, write))


def ended(world: World, scope: Scope, writer: int, place: int, token: int = 0) -> World:
    """Return the world after the script `end` on the server at `place`."""
    if not token:
        token, world = _token(world, scope, writer)
    before, write = world.servers[place], world.writes[writer]
    after = redis.end(before, writer, scope.writers[writer].fields, token, scope.rules)
    if scope.replica and write.values[0] and scope.writers[writer].files:
        filed = redis.file_lsn(
            before.versions, after.versions, writer, write.values[0], place, write.server, scope.rules
        )
        after = after._replace(versions=filed)
    elif scope.replica and write.values[0] and scope.rules.unplaced_writes_void_the_lsn:
        after, world = after._replace(versions=redis.without_lsn(after.versions)), doubted(world)
    for field in scope.sessions:
        if not scope.rules.session_copies_compared and field in scope.writers[writer].fields:
            after = redis.store(after, field, NOTHING)
    return world._replace(servers=changed(world.servers, place, after))


def doubted(world: World) -> World:
    """Keep the writes under way from vouching for what they have not seen: something committed is known nowhere."""
    return world._replace(writes=tuple([write._replace(server=NOWHERE) for write in world.writes]))


def _token(world: World, scope: Scope, writer: int) -> tuple[int, World]:
    """Take new versions; a repeated attempt would send the old ones only if that rule were left out."""
    write = world.writes[writer]
    if not scope.rules.one_token_per_attempt and write.token and write.step in (UNSURE, END_UNSURE):
        return write.token, world
    token = world.fresh
    if not scope.rules.one_token_per_attempt:
        world = world._replace(writes=changed(world.writes, writer, write._replace(token=token)))
    return token, world._replace(fresh=token + scope.fields + 1)


def _lose(world: World, scope: Scope, writer: int, step: str) -> Steps:
    """Lose the reply of a command, or the command itself, which the network may deliver at any time."""
    if not world.faults.lose:
        return
    name = "begin" if step == UNSURE else "end"
    world = world._replace(faults=world.faults._replace(lose=world.faults.lose - 1))
    place = _process(world, scope, writer).server
    done = (begun if step == UNSURE else ended)(world, scope, writer, place)
    yield f"w{writer} gets no reply to its {name}", _at(done, writer, step)
    token, world = _token(world, scope, writer)
    late = Late(name, writer, 0 if scope.rules.one_token_per_attempt else token)
    yield f"w{writer}'s {name} is stuck in the network", _at(world, writer, step)._replace(late=(*world.late, late))


def _repeat_begin_or_close(world: World, scope: Scope, writer: int) -> Steps:
    process = _process(world, scope, writer)
    if process.server != NOWHERE and confirmed(world, scope, process):
        yield f"w{writer} begins again", _at(begun(world, scope, writer, process.server), writer, BEGUN)
    if not scope.lease:
        return
    if not world.gate.row.open and not scope.rules.each_process_waits:
        yield f"w{writer} finds the gate closed", _at(world, writer, SHARING)
    yield from close(world, scope, writer, CLOSED)


def close(world: World, scope: Scope, writer: int, step: str) -> Steps:
    """Close the gate, or find it closed; the process itself may not serve from now on."""
    number = scope.writers[writer].process
    world = _at(world, writer, step)
    if world.gate.row.open:
        if not world.faults.close:
            return
        faults = world.faults._replace(close=world.faults.close - 1)
        world = world._replace(gate=Gate(world.gate.row._replace(open=False), world.gate.young, False), faults=faults)
    process = world.processes[number]
    process = process._replace(lease=LAPSED, waited=max(process.waited, 1))
    yield f"w{writer} closes the gate", world._replace(processes=changed(world.processes, number, process))


def _wait_and_share(world: World, scope: Scope, writer: int) -> Steps:
    """Wait, then make sure inside the transaction that the gate is still closed, in the generation waited for."""
    waited = _process(world, scope, writer).waited == 2 or not scope.rules.closer_waits
    if waited and (not world.gate.row.open or not scope.rules.closed_checked_in_transaction):
        yield f"w{writer} has waited and shares the closed gate", _at(world, writer, SHARING)
    elif world.gate.row.open:
        yield f"w{writer} finds the gate open again", _at(world, writer, UNSURE)


def _commit_closed(world: World, scope: Scope, writer: int) -> Steps:
    yield f"w{writer} commits", _at(committed(world, scope, writer), writer, COMMITTED_CLOSED)
    yield f"w{writer} crashes", _at(world, writer, DONE)


def _answer_closed(world: World, scope: Scope, writer: int) -> Steps:
    yield f"w{writer} answers", answered(world, writer)
    yield f"w{writer} crashes", _at(world, writer, UNANNOUNCED)


def _commit(world: World, scope: Scope, writer: int) -> Steps:
    done = committed(world, scope, writer)
    if not scope.rules.answered_after_end:
        done = answered(done, writer)
    yield f"w{writer} commits", _at(done, writer, COMMITTED)
    yield f"w{writer} crashes before its commit", _at(world, writer, DONE)
    place = _process(world, scope, writer).server
    if scope.rollbacks and place != NOWHERE:
        yield f"w{writer} rolls back and ends", _at(ended(world, scope, writer, place), writer, DONE)


def committed(world: World, scope: Scope, writer: int) -> World:
    """Return the world after COMMIT: each touched field has a new value."""
    fields = scope.writers[writer].fields
    values = tuple(value + (field in fields) for field, value in enumerate(world.values))
    own = tuple(value if field in fields else 0 for field, value in enumerate(values))
    write = world.writes[writer]._replace(values=own, token=0)
    return world._replace(values=values, writes=changed(world.writes, writer, write))


def answered(world: World, writer: int) -> World:
    """Return the world after the write was answered: from now on nobody may read anything older."""
    values = world.writes[writer].values
    promised = tuple(max(pair) for pair in zip(world.promised, values, strict=True))
    return _at(world._replace(promised=promised), writer, DONE)


def _end(world: World, scope: Scope, writer: int) -> Steps:
    process = _process(world, scope, writer)
    yield f"w{writer} crashes after its commit", _at(world, writer, UNANNOUNCED)
    if not scope.rules.versions_decide:
        yield f"w{writer} deletes and answers", answered(_deleted(world, scope, writer, process.server), writer)
    elif process.server == NOWHERE:
        yield f"w{writer} cannot end", _at(world, writer, END_UNSURE)
    else:
        done = ended(world, scope, writer, process.server)
        if confirmed(world, scope, process):
            yield f"w{writer} ends and answers", answered(done, writer)
        else:
            yield f"w{writer} ends on a server that the row does not name", _at(done, writer, END_UNSURE)
        yield from _lose(world, scope, writer, END_UNSURE)


def _deleted(world: World, scope: Scope, writer: int, place: int) -> World:
    server = world.servers[place]
    for field in scope.writers[writer].fields:
        server = redis.store(server, field, NOTHING)
    return world._replace(servers=changed(world.servers, place, server))


def _repeat_end_or_close(world: World, scope: Scope, writer: int) -> Steps:
    process = _process(world, scope, writer)
    if process.server != NOWHERE and confirmed(world, scope, process):
        yield f"w{writer} ends again and answers", answered(ended(world, scope, writer, process.server), writer)
    if scope.lease:
        yield from close(world, scope, writer, CLOSED_LATE)
    yield f"w{writer} crashes after its commit", _at(world, writer, UNANNOUNCED)


def _wait_and_answer(world: World, scope: Scope, writer: int) -> Steps:
    """Wait; once the gate was opened again, with a new generation, the wait is over too."""
    waited = _process(world, scope, writer).waited == 2 or not scope.rules.closer_waits
    if waited or world.gate.row.open:
        yield f"w{writer} has waited and answers", answered(world, writer)


def _process(world: World, scope: Scope, writer: int) -> Process:
    return world.processes[scope.writers[writer].process]


def _at(world: World, writer: int, step: str) -> World:
    write = world.writes[writer]
    return world._replace(writes=changed(world.writes, writer, write._replace(step=step)))


NO_WRITE = Write(IDLE, (), 0, 0)
_STEPS = {
    IDLE: _begin,
    UNSURE: _repeat_begin_or_close,
    CLOSED: _wait_and_share,
    SHARING: _commit_closed,
    COMMITTED_CLOSED: _answer_closed,
    BEGUN: _commit,
    COMMITTED: _end,
    END_UNSURE: _repeat_end_or_close,
    CLOSED_LATE: _wait_and_answer,
}
