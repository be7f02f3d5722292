"""What each process does every second: renew its permission to serve, look who Redis is, announce, open, close."""

from taskapi.errors import Overloaded
from taskapi.gate.lease import OTHER_REDIS, Lease
from taskapi.gate.nodes import Nodes
from taskapi.gate.relay import FORGOTTEN, Relay
from taskapi.gate.writes import Writes
from taskapi.kit.rounds import repeat
from taskapi.kit.telemetry import logger
from taskapi.kit.tracing import spanned

EVERY_SECONDS = 1.0


class Keeper:
    """Two tasks, so that nothing delays the renewal."""

    def __init__(self, lease: Lease, nodes: Nodes, writes: Writes, relay: Relay) -> None:
        self._lease = lease
        self._nodes = nodes
        self._writes = writes
        self._announce = spanned("relay.announce", relay.announce_forgotten, begins=True)
        self._open_gate = spanned("relay.open_gate", relay.open_gate, begins=True)

    async def renew(self) -> None:
        """Renew the permission to serve, for ever."""
        await repeat(self._lease.refresh, EVERY_SECONDS, _tell)

    async def keep(self) -> None:
        """Do the rest, for ever."""
        await repeat(self.look_after, EVERY_SECONDS, _tell, spread=0.2)

    async def look_after(self) -> None:
        """Close a gate that stands on another Redis than this one, open a closed one, announce what is forgotten."""
        server = await self._nodes.look()
        state = self._lease.state or await self._lease.refresh()
        if state.is_open:
            if server is not None and server != state.server:
                logger("taskapi.gate").warning("the gate is closed: another Redis answers", server=server)
                await self._lease.close(OTHER_REDIS)
            elif state.oldest_waiting > FORGOTTEN.total_seconds():
                await self._announce()
        elif self._writes.wrote_without_begin and server is None:
            self._writes.wrote_without_begin = False
            await self._lease.close()
        elif server is not None:
            await self._open_gate(server)


def _tell(error: Exception) -> None:
    if not isinstance(error, Overloaded):
        logger("taskapi.gate").warning("the gate could not look after itself", reason=error)
