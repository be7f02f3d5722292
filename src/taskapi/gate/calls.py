"""One command on its way to Redis, and how its answer comes back. Nothing here talks to anybody."""

import asyncio
from typing import Any

import hiredis

from taskapi.gate.scripts import Script

Part = bytes | int
Command = tuple[Part, ...]


class Unreachable(Exception):
    """Redis did not answer, or answered that it cannot: whether the command was carried out is unknown."""


class Call:
    """A command that waits for its answer; one without a future is sent for its effect only."""

    __slots__ = ("_command", "epoch", "future", "retries", "slot")

    def __init__(self, command: Command, future: "asyncio.Future[Any] | None", slot: int = 0) -> None:
        self._command = command
        self.future = future
        self.slot = slot
        self.retries = 0
        """How often it was sent again because the server said that it had not run it."""
        self.epoch = b""
        """That of the server it was sent to."""

    @property
    def size(self) -> int:
        """The bytes of its parts."""
        return sum(len(part) for part in self._command if isinstance(part, bytes))

    def packed(self, epoch: bytes) -> bytes:
        """Return what goes to a server of this epoch."""
        self.epoch = epoch
        return packed(self._command)

    def answer(self, reply: Any) -> None:
        """Hand the answer to whoever waits."""
        if self.future is not None and not self.future.done():
            self.future.set_result(reply)

    def fail(self, reason: str) -> None:
        """Tell whoever waits that no answer will come."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(Unreachable(reason))
            self.future.exception()  # whoever waits gets it; if nobody does any more, nobody misses it


def packed(command: Command) -> bytes:
    """Return a command as it goes over the wire."""
    whole: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows tuples of one part only
    return whole


def script_command(script: Script, keys: Command, *arguments: Part) -> Command:
    """Return the command that runs `script`."""
    return (b"EVALSHA", script.digest, len(keys), *keys, *arguments)
