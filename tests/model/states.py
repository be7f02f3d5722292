"""The world of the model: what is in PostgreSQL, in Redis, in each process and in each request under way.

There is one user. A field's value is the number of writes that PostgreSQL has committed to it. Versions and floors are
numbers that never repeat, as the program's random tokens do not; 0 says that there is none, 1 is never handed out.
Everything is a tuple, so that states are compared and hashed quickly.
"""

from typing import NamedTuple

NOWHERE = -1  # the server of a process that cannot reach Redis
PRIMARY = -1  # the LSN of a read that only the primary may answer


class Kept(NamedTuple):
    """A body or a session's copy: its value, and the version and epoch (server, generation) it was loaded under."""

    version: int
    server: int
    generation: int
    value: int


NOTHING = Kept(0, 0, 0, 0)


class Versions(NamedTuple):
    """The hash `versions:{userId}`; absent if there is nothing in it."""

    fields: tuple[int, ...]
    floor: int
    young: bool  # the floor is too young to rule out that the entry of a write under way got lost
    writes: tuple[int, ...]  # for each writer: ENTRY or 0
    filed: int = 0  # the highest LSN that an `end` has brought
    usable_at: int = NOWHERE  # on which server (in which epoch) it is known to cover all writes without an entry


ENTRY = 1


class Server(NamedTuple):
    """One Redis: the hash of the user, and for each field a body (or the copy of the session)."""

    versions: Versions
    bodies: tuple[Kept, ...]


class Row(NamedTuple):
    """The row `gate_state` as a process read it; generation 0 if that was too long ago to count."""

    generation: int
    server: int
    open: bool


LAPSED = Row(0, 0, False)


class Gate(NamedTuple):
    """The row `gate_state`, whether its generation is still young, and how long ago it was closed or opened."""

    row: Row
    young: bool
    rested: bool  # it is as it is for longer than any process's permission lasts


class Process(NamedTuple):
    """One application process."""

    server: int  # the Redis it is connected to
    lease: Row  # the row as read less than 2 s ago
    answer: Row  # what a reading of the row answered that has not arrived
    waited: int  # 1: has seen the row closed in this generation; 2: that was 2 s ago
    memory: tuple[Kept, ...]


class Write(NamedTuple):
    """A transaction that writes, from its begin to the answer."""

    step: str
    values: tuple[int, ...]  # of each field, after its commit; 0 if it does not touch it
    server: (
        int  # which server confirmed its begin; NOWHERE if floor or generation were young then, or its entry is doubted
    )
    token: int  # what its repeated attempts would send again, if they did


class Read(NamedTuple):
    """A request that reads one field and was not answered from what is kept."""

    step: str
    process: int
    field: int
    least: int  # anything older than this is stale
    version: int
    server: int
    generation: int
    keeps: bool
    lsn: int  # how far a replica must have replayed to answer it
    value: int


class Late(NamedTuple):
    """A command that was given up by its process and that the network may still deliver."""

    name: str
    writer: int
    token: int


class Faults(NamedTuple):
    """How often each thing may still go wrong."""

    flush: int = 0  # FLUSHALL
    evict: int = 0  # of the hash; bodies and copies go at any time
    replace: int = 0  # a hash over its bound
    failover: int = 0  # to a copy that may lag
    move: int = 0  # one process talks to another server
    cut: int = 0  # process 0 loses Redis, others do not
    lose: int = 0  # a reply or a command
    close: int = 0  # how often the gate may be closed: bounds the generations


class World(NamedTuple):
    """Everything at one moment."""

    values: tuple[int, ...]
    promised: tuple[int, ...]  # the newest value of each field that somebody was told of
    gate: Gate
    servers: tuple[Server, ...]
    processes: tuple[Process, ...]
    writes: tuple[Write, ...]
    reads: tuple[Read, ...]
    late: tuple[Late, ...]
    faults: Faults
    fresh: int  # the next number that was never a version
    wrong: str


def changed(items: tuple, place: int, item: object) -> tuple:  # type: ignore[type-arg]
    """Return `items` with another item at `place`."""
    return (*items[:place], item, *items[place + 1 :])
