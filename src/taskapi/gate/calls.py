"""One command on its way to Redis, and how its answer comes back. Nothing here talks to anybody."""

import asyncio
from typing import Any

from taskapi.gate.scripts import ADMIT, Script

Part = bytes | int
Command = tuple[Part, ...]


class Unreachable(Exception):
    """Redis did not answer, or answered that it cannot: whether the command was carried out is unknown."""


class Call:
    """A command that waits for its answer; one without a future is sent for its effect only."""

    __slots__ = ("_command", "epoch", "future", "retried", "slot")

    def __init__(self, command: Command, future: "asyncio.Future[Any] | None", slot: int = 0) -> None:
        self._command = command
        self.future = future
        self.slot = slot
        self.retried = False
        self.epoch = b""
        """That of the server it was sent to."""

    def command(self, epoch: bytes) -> Command:
        """Return the parts to send to a server of this epoch."""
        self.epoch = epoch
        return self._command

    def answer(self, reply: Any) -> None:
        """Hand the answer to whoever waits."""
        if self.future is not None and not self.future.done():
            self.future.set_result(reply)

    def fail(self, reason: str) -> None:
        """Tell whoever waits that no answer will come."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(Unreachable(reason))


class AdmitCall(Call):
    """The question of a request, which names the epoch of the server that it reaches."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Command, arguments: Command, future: "asyncio.Future[Any]", slot: int) -> None:
        super().__init__(arguments, future, slot)
        self._keys = keys

    def command(self, epoch: bytes) -> Command:
        """Return the parts to send to a server of this epoch."""
        self.epoch = epoch
        return (b"EVALSHA", ADMIT.digest, len(self._keys), *self._keys, epoch, *self._command)


def script_command(script: Script, keys: Command, *arguments: Part) -> Command:
    """Return the command that runs `script`."""
    return (b"EVALSHA", script.digest, len(keys), *keys, *arguments)
