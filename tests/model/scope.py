"""What one configuration of the model puts into its world, and which rules hold in it."""

from dataclasses import dataclass, field

from tests.model.rules import PROTOCOL, Rules
from tests.model.states import Faults

NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class Writer:
    """A write: which fields its transaction touches, and on which process it runs."""

    fields: tuple[int, ...] = (0,)
    process: int = 0
    files: bool = True  # it can say where in the log it was committed


@dataclass(frozen=True, slots=True)
class Scope:
    """The size of a world and what may happen in it."""

    name: str
    varies: str
    writers: tuple[Writer, ...] = (Writer(), Writer(process=1))
    readers: int = 2
    serving: tuple[int, ...] = (0, 1)  # the processes that are asked to read
    processes: int = 2
    fields: int = 1
    read: tuple[int, ...] = (0,)  # the fields that are read
    sessions: frozenset[int] = frozenset()  # the fields that are sessions: copies in Redis only, not in memory
    faults: Faults = NO_FAULTS
    lease: bool = False  # bodies are served only with permission; otherwise permission is always there
    several_servers: bool = False  # an old primary lives on beside the new one
    shared_loads: bool = False
    replica: bool = False
    replays: bool = False  # a client repeats a write that crashed, with its Idempotency-Key
    late_commits: bool = False  # a COMMIT may hang for longer than every deadline
    monotonic: bool = True  # nobody reads something older than anybody has seen before
    rollbacks: bool = False
    at_most: int = 300_000
    rules: Rules = field(default=PROTOCOL)
