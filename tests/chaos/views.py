"""What the servers' answers hold, as far as it is checked."""

import msgspec


class TaskView(msgspec.Struct):
    """A task."""

    id: str
    title: str
    status: str


class ListView(msgspec.Struct):
    """A page of tasks."""

    items: list[TaskView]


class SummaryView(msgspec.Struct, rename="camel"):
    """Counts of tasks."""

    todo: int
    in_progress: int
    done: int
    total: int


class AccountView(msgspec.Struct):
    """An account; its name says its version."""

    id: str
    email: str
    name: str


class MeView(msgspec.Struct):
    """The answer about the own account."""

    user: AccountView


STATUSES = ("todo", "in_progress", "done")
task_of = msgspec.json.Decoder(TaskView).decode
list_of = msgspec.json.Decoder(ListView).decode
summary_of = msgspec.json.Decoder(SummaryView).decode
me_of = msgspec.json.Decoder(MeView).decode
