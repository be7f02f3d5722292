"""One device's reads, each checked as soon as it is answered."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.chaos.devices import Device, Reply
from tests.chaos.judgement import Memory, Shows, Wrong, judge, judge_counts, shows_absence, shows_number
from tests.chaos.ledger import Fault, Ledger
from tests.chaos.people import Person, try_to_log_in
from tests.chaos.timelines import Timeline, Window, read_title
from tests.chaos.views import STATUSES, TaskView, list_of, me_of, summary_of, task_of

PAUSE_SECONDS = 0.1
"""Before the next request when one was not answered."""


class Kept(msgspec.Struct):
    """A body that the device holds, by its entity tag."""

    etag: str
    shows: Shows


class Look:
    """A read under way: what was acknowledged when it began."""

    def __init__(self, timelines: Iterable[Timeline]) -> None:
        self._first = {timeline: timeline.acknowledged for timeline in timelines}

    def window(self, timeline: Timeline) -> Window:
        """Return the versions that may be shown, now that the read has ended."""
        return Window(self._first[timeline], timeline.begun)

    def windows(self) -> dict[Timeline, Window]:
        """Return them for all timelines."""
        return {timeline: self.window(timeline) for timeline in self._first}


class Looking:
    """Reads through whichever process, and checks."""

    def __init__(self, device: Device, person: Person) -> None:
        self.device = device
        self.person = person
        self.memory = Memory()
        self._kept: dict[str, Kept] = {}
        self._ledger: Ledger = device.ledger

    async def task(self, task: Timeline, *, conditional: bool = False) -> None:
        """Read one task, with the tag of the copy that the device holds if `conditional`."""
        if (task_id := task.current.task_id) is None:
            return
        look = Look([task])
        path = f"/api/tasks/{task_id}"
        reply = await self._get("conditional" if conditional else "task", path, conditional=conditional)
        if reply is None:
            return
        if reply.answer.status == 404:
            self._judge(task, look, shows_absence(task_id), reply, path, "absent")
        elif reply.answer.status == 304:
            kept = self._kept[path]
            self._judge(task, look, kept.shows, reply, path, f"unchanged since {kept.etag}")
        elif self._is(reply, 200, path):
            view = task_of(reply.answer.body)
            if (shows := self._shown(view, task, reply, path)) is not None:
                self._keep(path, reply, shows)
                self._judge(task, look, shows, reply, path, view.title)

    async def gone_task(self, task: Timeline, task_id: str) -> None:
        """Read a task that was deleted."""
        path = f"/api/tasks/{task_id}"
        look = Look([task])
        reply = await self._get("deleted", path)
        if reply is None:
            return
        if reply.answer.status == 404:
            self._judge(task, look, shows_absence(task_id), reply, path, "absent")
        elif self._is(reply, 200, path):
            self._note(Wrong.STALE, reply, path, seen=task_of(reply.answer.body).title, deleted=True)

    async def strangers_task(self, task_id: str) -> None:
        """Ask for somebody else's task."""
        path = f"/api/tasks/{task_id}"
        reply = await self._get("stranger's", path)
        if reply is not None and reply.answer.status == 200:
            self._note(Wrong.STRANGER, reply, path, seen=task_of(reply.answer.body).title)
        elif reply is not None:
            self._is(reply, 404, path)

    async def list(self, status: str | None = None) -> None:
        """Read the list of tasks, or those of one status."""
        look = Look(self.person.tasks)
        path = "/api/tasks" if status is None else f"/api/tasks?status={status}"
        reply = await self._get("list" if status is None else "filtered list", path)
        if reply is None or not self._is(reply, 200, path):
            return
        seen = self._listed(reply, path)
        nothing = (shows_absence(statuses=() if status is None else (status,)), "absent")
        for task in self.person.tasks:
            shows, text = seen.get(task, nothing)
            self._judge(task, look, shows, reply, path, text)

    async def summary(self) -> None:
        """Read the counts of tasks."""
        look = Look(self.person.tasks)
        path = "/api/tasks/summary"
        reply = await self._get("summary", path)
        if reply is None or not self._is(reply, 200, path):
            return
        view = summary_of(reply.answer.body)
        counts = (view.todo, view.in_progress, view.done)
        wrong = judge_counts(look.windows(), self.memory, STATUSES, counts, self.device.name)
        if wrong is not None or view.total != sum(counts):
            windows = {task.slot: self._situation(task, look.window(task)) for task in self.person.tasks}
            self._note(wrong or Wrong.LOST, reply, path, seen=msgspec.to_builtins(view), windows=windows)

    async def me(self, *, conditional: bool = False) -> None:
        """Read the own account."""
        look = Look([self.person.account])
        path = "/api/auth/me"
        reply = await self._get("me", path, conditional=conditional)
        if reply is None:
            return
        if reply.answer.status == 304:
            kept = self._kept[path]
            self._judge(self.person.account, look, kept.shows, reply, path, f"unchanged since {kept.etag}")
        elif self._is(reply, 200, path):
            view = me_of(reply.answer.body).user
            title = read_title(view.name)
            if title is None or title.owner != self.person.name or view.id != self.person.id:
                self._note(Wrong.STRANGER, reply, path, seen=view.name)
                return
            shows = shows_number(title.number)
            self._keep(path, reply, shows)
            self._judge(self.person.account, look, shows, reply, path, view.name)

    async def _get(self, kind: str, path: str, *, conditional: bool = False) -> Reply | None:
        """Return a reply that has to be checked."""
        kept = self._kept.get(path) if conditional else None
        reply = await self.device.ask("GET", path, headers={"If-None-Match": kept.etag} if kept else None)
        if reply is None:
            await asyncio.sleep(PAUSE_SECONDS)
            return None
        if reply.answer.status == 401:
            await self.logged_out(reply, path)
            return None
        self._ledger.note_read(kind, reply.sent, reply.answer.header("x-cache"))
        return reply

    async def logged_out(self, reply: Reply, path: str) -> None:
        """Note that a session was refused that nobody had ended, and log in again."""
        self._ledger.note_fault(Fault.LOGGED_OUT, reply.sent, client=self.device.name, path=path, **reply.about())
        while not await try_to_log_in(self.device, self.person):  # noqa: ASYNC110 - nothing tells when it will work
            await asyncio.sleep(PAUSE_SECONDS)

    def _is(self, reply: Reply, status: int, path: str) -> bool:
        if reply.answer.status == status:
            return True
        body = reply.answer.body[:400].decode(errors="replace")
        about = {"client": self.device.name, "path": path, "body": body, **reply.about()}
        self._ledger.note_fault(Fault.UNEXPECTED, reply.sent, **about)
        return False

    def _listed(self, reply: Reply, path: str) -> dict[Timeline, tuple[Shows, str]]:
        """Return what the items of a list show, and note those that can be in no list of this person's."""
        seen: dict[Timeline, tuple[Shows, str]] = {}
        for item in list_of(reply.answer.body).items:
            timeline = self._timeline(item.title)
            if timeline is None or timeline in seen:
                self._note(Wrong.STRANGER if timeline is None else Wrong.LOST, reply, path, seen=item.title)
            else:
                seen[timeline] = (_shows(item), item.title)
        return seen

    def _shown(self, view: TaskView, task: Timeline, reply: Reply, path: str) -> Shows | None:
        if self._timeline(view.title) is task:
            return _shows(view)
        self._note(Wrong.STRANGER, reply, path, seen=view.title)
        return None

    def _timeline(self, text: str) -> Timeline | None:
        title = read_title(text)
        return None if title is None or title.owner != self.person.name else self.person.by_slot.get(title.slot)

    def _keep(self, path: str, reply: Reply, shows: Shows) -> None:
        if (etag := reply.answer.header("etag")) is not None:
            self._kept[path] = Kept(etag, shows)

    def _judge(self, timeline: Timeline, look: Look, shows: Shows, reply: Reply, path: str, seen: str) -> None:
        window = look.window(timeline)
        remembered = self.memory.of(timeline)
        wrong = judge(timeline, window, self.memory, shows, self.device.name)
        if wrong is not None:
            about = {"seen": seen, "slot": timeline.slot, "remembered": remembered}
            self._note(wrong, reply, path, **about, **self._situation(timeline, window))

    def _situation(self, timeline: Timeline, window: Window) -> dict[str, Any]:
        first = timeline.versions[window.first]
        return {"acknowledged": msgspec.to_builtins(first), "begun": window.last}

    def _note(self, wrong: Wrong, reply: Reply, path: str, **about: Any) -> None:
        took = round(time.monotonic() - reply.sent, 4)
        self._ledger.note_wrong(
            wrong, reply.sent, client=self.device.name, path=path, took=took, **reply.about(), **about
        )


def _shows(view: TaskView) -> Shows:
    title = read_title(view.title)
    return shows_number(title.number if title else -1, view.status, view.id)
