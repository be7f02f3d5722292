"""What has been written: for every thing that people keep, all its versions in order, and which are acknowledged.

Each timeline has one writer, who begins a version only after the one before it was acknowledged. So a read may show
what was acknowledged when it began, or anything begun before it ended, and nothing else. Pure: no I/O, no clock.
"""

import msgspec

ABSENT = "absent"
"""The status of a version that nobody can see: a task before its creation and after its deletion."""


class Version(msgspec.Struct):
    """One state of a thing."""

    number: int
    status: str
    task_id: str | None
    """None for an account, and for a task whose creation was not answered yet."""
    writer: str
    """The device that wrote it."""


class Window(msgspec.Struct, frozen=True):
    """The versions, first and last, that a read may show."""

    first: int
    last: int


class Timeline:
    """The versions of one task, or of one account, of one person."""

    def __init__(self, owner: str, slot: str) -> None:
        """`slot` names the thing among those of its owner."""
        self.owner = owner
        self.slot = slot
        self.versions = [Version(0, ABSENT, None, "")]
        self.acknowledged = 0
        self.past_ids: list[str] = []
        """The ids that a task had before it was deleted, the latest last."""

    @property
    def current(self) -> Version:
        """The last acknowledged version."""
        return self.versions[self.acknowledged]

    @property
    def begun(self) -> int:
        """The number of the newest version, acknowledged or not."""
        return len(self.versions) - 1

    def begin(self, status: str, task_id: str | None, writer: str) -> Version:
        """Note that a version is about to be written."""
        assert self.begun == self.acknowledged, "the version before is still under way"
        version = Version(self.begun + 1, status, task_id, writer)
        self.versions.append(version)
        return version

    def acknowledge(self, task_id: str | None = None) -> None:
        """Note that the version under way was answered; `task_id` is what the answer called it, if it is new."""
        assert self.begun == self.acknowledged + 1, "no version is under way"
        if self.versions[-1].status == ABSENT and self.current.task_id is not None:
            self.past_ids.append(self.current.task_id)
        self.acknowledged += 1
        if task_id is not None:
            self.current.task_id = task_id

    def title(self, version: Version) -> str:
        """Return the text by which a version is known again, such as ``ada/2 #17``."""
        return f"{self.owner}/{self.slot} #{version.number}"

    def between(self, window: Window) -> list[Version]:
        """Return the versions of a window."""
        return self.versions[window.first : window.last + 1]


class Title(msgspec.Struct, frozen=True):
    """What a title says: whose it is, which of their things, which version."""

    owner: str
    slot: str
    number: int


def read_title(text: str) -> Title | None:
    """Return what a title says; None if no writer of ours wrote it."""
    name, _, number = text.rpartition(" #")
    owner, _, slot = name.partition("/")
    return Title(owner, slot, int(number)) if owner and slot and number.isdigit() else None
