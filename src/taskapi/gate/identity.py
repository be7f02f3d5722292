"""Who a Redis server is: a copy of itself after a restart or a failover is somebody else."""

from hashlib import sha256

import msgspec

EPOCH_BYTES = 12


class Identity(msgspec.Struct, frozen=True):
    """What a server says of itself."""

    name: str
    """What changes with each restart and each failover."""

    history: bytes
    """The line of INFO that says whose data it has: another one after each promotion, and each start of a primary."""

    is_primary: bool
    is_loading: bool
    is_cluster: bool

    @property
    def can_serve(self) -> bool:
        """Whether it takes writes."""
        return self.is_primary and not self.is_loading


INFO: tuple[bytes, ...] = (b"INFO", b"server", b"replication", b"persistence", b"cluster")
STILL: tuple[bytes, ...] = (b"INFO", b"replication")
"""Asks a server that is known, on the connection by which it became known, whether it is what it was: a part of INFO,
and that is not read but looked through."""

PRIMARY = b"role:master\r\n"


def read(information: bytes) -> Identity:
    """Read the answer to INFO; raises KeyError if a line is missing."""
    lines = (line.partition(":") for line in information.decode("utf-8", "replace").splitlines() if ":" in line)
    found = {name: value for name, _, value in lines}
    return Identity(
        name=f"{found['run_id']}:{found['master_replid']}",
        history=f"master_replid:{found['master_replid']}\r\n".encode(),
        is_primary=found["role"] == "master",
        is_loading=found["loading"] != "0",
        is_cluster=found.get("cluster_enabled", "0") == "1",
    )


def is_still(server: Identity | None, answer: object) -> bool:
    """Say whether an answer to STILL comes from that server, as it was."""
    return server is not None and isinstance(answer, bytes) and PRIMARY in answer and server.history in answer


def epoch_of(name: str, generation: str) -> bytes:
    """Return the short form of a server and a generation that every kept answer carries."""
    return sha256(f"{name}:{generation}".encode()).digest()[:EPOCH_BYTES]
