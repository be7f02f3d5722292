"""Writes states that differ only in names alike, and forgets what can never matter again.

Versions are compared for equality only, so they are renamed by first appearance. A version that no server can name as
the current one any more is dead for ever, since versions never repeat: what was kept under it is as good as gone. What
the primary answers is never older than anything that somebody was told of before, so a request that will be answered by
the primary and keeps nothing cannot go wrong, and is forgotten.
"""

from collections.abc import Callable
from operator import le

from tests.model.reading import NO_READ
from tests.model.redis import CONSTANT
from tests.model.rules import PROTOCOL
from tests.model.scope import Scope
from tests.model.states import NOTHING, PRIMARY, Kept, Process, Read, Server, Versions, World, Write
from tests.model.writing import ANNOUNCED, DONE, UNANNOUNCED

Names = dict[int, int]
UNUSED = -1  # a floor that no field needs, as all have versions of their own


class Canon:
    """Renames and forgets in the states of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        rules = scope.rules
        self._zeros = (0,) * scope.fields
        self._done = Write(DONE, self._zeros, 0, 0)
        protocol = rules == PROTOCOL  # a weakened variant keeps its names, so that its trail can be read
        twins = len(set(scope.writers)) == 1 and len(scope.writers) == 2
        self._writers_alike = twins and protocol and not scope.faults.lose
        joins = rules.loads_joined_under_one_version and rules.loads_joined_without_writes
        admitted = rules.filed_as_admitted and rules.sessions_filed_as_admitted and rules.trips_answer_earlier_arrivals
        self._forgets = joins and admitted and rules.session_copies_compared
        self._processes_alike = protocol and scope.processes == 2 and not scope.lease
        self._processes_alike = self._processes_alike and len({writer.process for writer in scope.writers}) == 1

    def __call__(self, world: World) -> World:
        """Return the state that stands for all that are like `world`."""
        rules = self._scope.rules
        names, epochs = self._names(world), self._epochs(world)
        current = (
            [{hash_.floor, *hash_.fields} for hash_, _ in world.servers]
            if epochs and self._forgets and rules.one_token_per_attempt
            else []
        )

        def kept(item: Kept) -> Kept:
            version, server, generation, value = item
            name = names.get(version, 0)
            if not name or (epochs and (server, generation) not in epochs):
                return NOTHING
            if current and version not in current[server]:
                return NOTHING
            return item if name == version else Kept(name, server, generation, value)

        values, promised, gate, servers, processes, writes, reads, late, faults, _, wrong = world
        if late:
            late = tuple(sorted(each._replace(token=names.get(each.token, 0)) for each in late))
        world = World(
            values,
            promised,
            gate,
            tuple([_server(server, names, kept) for server in servers]),
            tuple([_process(process, kept) for process in processes]),
            tuple([self._write(write, names, promised) for write in writes]),
            tuple(sorted([read if read is NO_READ else self._read(read, names, current) for read in reads])),
            late,
            faults,
            len(names),
            wrong,
        )
        if self._writers_alike:
            world = _sorted_writers(world)
        return _sorted_processes(world) if self._processes_alike else world

    def _names(self, world: World) -> Names:
        names = {0: 0, CONSTANT: CONSTANT, UNUSED: UNUSED}
        for server in world.servers:
            if 0 in server.versions.fields:
                names.setdefault(server.versions.floor, len(names))
            for version in server.versions.fields:
                names.setdefault(version, len(names))
        if not self._scope.rules.one_token_per_attempt:
            for token in (*(write.token for write in world.writes), *(late.token for late in world.late)):
                names.setdefault(token, len(names))
        if not self._forgets:
            for read in world.reads:
                names.setdefault(read.version, len(names))
            for server in world.servers:
                for body in server.bodies:
                    names.setdefault(body.version, len(names))
        return names

    def _epochs(self, world: World) -> set[tuple[int, int]]:
        """Return the epochs under which something may still be served; empty if they are not compared."""
        scope = self._scope
        if not scope.rules.epochs_decide or not scope.rules.versions_decide:
            return set()
        row = world.gate.row
        if not scope.lease and not world.faults.failover:
            return {(row.server, row.generation)}
        places = range(len(world.servers)) if len(world.servers) > 1 else (0,)
        generations = {row.generation}
        for process in world.processes:
            generations.update((process.lease.generation, process.answer.generation))
        return {(place, generation) for place in places for generation in generations}

    def _write(self, write: Write, names: Names, promised: tuple[int, ...]) -> Write:
        scope = self._scope
        if write.step == DONE or (write.step == ANNOUNCED and not scope.replays):
            return self._done
        if scope.replica:
            return write
        silent = write.step == UNANNOUNCED and not scope.replays
        known = silent or all(map(le, write.values, promised))
        token = 0 if scope.rules.one_token_per_attempt else names.get(write.token, 0)
        return Write(write.step, self._zeros if known else write.values, 0, token)

    def _read(self, read: Read, names: Names, current: list[set[int]]) -> Read:
        alive = not current or read.version in current[read.server]
        name = names.get(read.version, 0) if alive else 0
        keeps = read.keeps and name != 0
        if read.lsn == PRIMARY:
            if not keeps and self._forgets:
                return NO_READ
            read = read._replace(least=0)
        return read._replace(version=name, keeps=keeps)


def _server(server: Server, names: Names, kept: Callable[[Kept], Kept]) -> Server:
    (fields, floor, young, writes, filed, usable_at), bodies = server
    floor = names.get(floor, UNUSED) if 0 in fields or not floor else UNUSED
    fields = tuple([names[version] for version in fields])
    return Server(Versions(fields, floor, young, writes, filed, usable_at), tuple(map(kept, bodies)))


def _process(process: Process, kept: Callable[[Kept], Kept]) -> Process:
    memory = tuple(map(kept, process.memory))
    return process if memory == process.memory else process._replace(memory=memory)


def _sorted_writers(world: World) -> World:
    first, second = ((write, *(s.versions.writes[n] for s in world.servers)) for n, write in enumerate(world.writes))
    if first <= second:
        return world
    servers = tuple(
        server._replace(versions=server.versions._replace(writes=server.versions.writes[::-1]))
        for server in world.servers
    )
    return world._replace(writes=world.writes[::-1], servers=servers)


def _sorted_processes(world: World) -> World:
    if world.processes[0] <= world.processes[1]:
        return world
    reads = tuple(sorted(r if r is NO_READ else r._replace(process=1 - r.process) for r in world.reads))
    return world._replace(processes=world.processes[::-1], reads=reads)
