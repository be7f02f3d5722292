"""People who come and go: they log in, look, log out, and try later whether the ended session is still refused."""

import asyncio

from tests.chaos.devices import Device, Reply
from tests.chaos.ledger import Fault, Ledger
from tests.chaos.people import Person, try_to_log_in

ME = "/api/auth/me"
PAUSE_SECONDS = 0.7
"""Between two visits: a log-in is the dearest request there is."""
REMEMBERED = 30
"""So many ended sessions are tried again."""
RETRY_SECONDS = 0.2


class Visitor:
    """Visits one person's account again and again."""

    def __init__(self, device: Device, person: Person) -> None:
        self._device = device
        self._person = person
        self._ledger: Ledger = device.ledger
        self._ended: list[str] = []
        """Tokens of ended sessions."""

    async def run(self, stopped: asyncio.Event) -> None:
        """Visit until it is time to stop."""
        while not stopped.is_set():
            await self._visit(stopped)
            if self._ended:
                await self._try_again(self._device.random.choice(self._ended))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _visit(self, stopped: asyncio.Event) -> None:
        if not await try_to_log_in(self._device, self._person):
            await asyncio.sleep(RETRY_SECONDS)
            return
        for instance in self._device.instances:
            reply = await self._device.ask("GET", ME, instance=instance)
            if reply is not None and reply.answer.status == 401:
                self._note(Fault.LOGGED_OUT, reply)
        if await self._log_out(stopped):
            token = self._device.token
            self._ended = [*self._ended, token][-REMEMBERED:]
            await self._try_again(token)

    async def _log_out(self, stopped: asyncio.Event) -> bool:
        """Return whether the session has certainly ended: acknowledged, or refused when the log-out was repeated."""
        repeated = False
        while not stopped.is_set():
            reply = await self._device.ask("POST", "/api/auth/logout")
            if reply is not None and reply.answer.status in (204, 401):
                if reply.answer.status == 401 and not repeated:
                    self._note(Fault.LOGGED_OUT, reply)
                return True
            repeated = True
            await asyncio.sleep(RETRY_SECONDS)
        return False

    async def _try_again(self, token: str) -> None:
        """Ask every process at the same time with the token of an ended session."""
        self._device.token = token
        asked = [self._device.ask("GET", ME, instance=instance) for instance in self._device.instances]
        for reply in await asyncio.gather(*asked):
            if reply is None:
                continue
            if reply.answer.status == 401:
                self._ledger.refusals += 1
            else:
                self._note(Fault.REVIVED, reply)

    def _note(self, fault: Fault, reply: Reply) -> None:
        self._ledger.note_fault(fault, reply.sent, client=self._device.name, path=ME, **reply.about())
