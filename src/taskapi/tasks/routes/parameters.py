"""The query parameters of the list of tasks: how they are declared, and how they become a query."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from taskapi.errors import Invalid, Violation
from taskapi.tasks import fields
from taskapi.tasks.model import Priority, Status
from taskapi.tasks.query import Sort, TaskQuery

LONGEST_TEXT = 200


def _moment(name: str, description: str) -> Any:
    schema = {"format": "date-time", "pattern": fields.YEARS}
    return QueryParameter(name=name, description=description, schema_extra=schema)


Statuses = Annotated[list[Status] | None, QueryParameter(description="Any of these; repeatable.")]
Priorities = Annotated[list[Priority] | None, QueryParameter(description="Any of these; repeatable.")]
LabelNames = Annotated[
    list[str] | None,
    QueryParameter(
        description="Tasks with any of these labels; repeatable.",
        schema_extra={"items": {"type": "string", **fields.LABEL}, "maxItems": fields.MOST_LABELS},
    ),
]
DueBefore = Annotated[str | None, _moment("dueBefore", "Due before this time, which is not included.")]
DueAfter = Annotated[str | None, _moment("dueAfter", "Due at this time or after it.")]
UpdatedSince = Annotated[str | None, _moment("updatedSince", "Changed at this time or after it.")]
Text = Annotated[
    str | None,
    QueryParameter(
        description="Words that all occur in the title or the description; accents and upper case do not matter.",
        schema_extra={"minLength": 1, "maxLength": LONGEST_TEXT, "pattern": fields.ONE_LINE},
    ),
]
SortOrder = Annotated[
    Sort, QueryParameter(description="`-` is descending. Tasks without a due date come last, either way.")
]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters as they came."""

    statuses: list[Status] | None
    priorities: list[Priority] | None
    labels: list[str] | None
    due_before: str | None
    due_after: str | None
    updated_since: str | None
    text: str | None
    sort: Sort

    def query(self) -> TaskQuery:
        """Return the query that is asked for; the order of repeated values does not matter. Raises Invalid."""
        violations = tuple(self._violations())
        if violations:
            raise Invalid("The query is not valid.", violations=violations)
        statuses, priorities = self.statuses or (), self.priorities or ()
        return TaskQuery(
            statuses=tuple(status for status in Status if status in statuses),
            priorities=tuple(priority for priority in Priority if priority in priorities),
            labels=tuple(sorted(set(fields.composed(tuple(self.labels or ()))))),
            due_before=_time(self.due_before),
            due_after=_time(self.due_after),
            updated_since=_time(self.updated_since),
            text=fields.composed(self.text),
            sort=self.sort,
        )

    def _violations(self) -> Iterator[Violation]:
        times = {"dueBefore": self.due_before, "dueAfter": self.due_after, "updatedSince": self.updated_since}
        for name, value in times.items():
            yield from _time_violations(name, value)
        labels = self.labels or []
        if len(labels) > fields.MOST_LABELS:
            yield Violation("label", f"Expected at most {fields.MOST_LABELS} labels", "query")
        for label in labels[: fields.MOST_LABELS]:
            yield from _line_violations("label", label, fields.LONGEST_LABEL)
        if self.text is not None:
            yield from _line_violations("q", self.text, LONGEST_TEXT)


def _time(value: str | None) -> datetime | None:
    return None if value is None else msgspec.convert(value, fields.Moment).astimezone(UTC)


def _time_violations(name: str, value: str | None) -> Iterator[Violation]:
    if value is None:
        return
    try:
        moment = msgspec.convert(value, fields.Moment)
    except msgspec.ValidationError as error:
        yield Violation(name, str(error), "query")
        return
    for violation in fields.due_violations(moment):
        yield Violation(name, violation.detail, "query")


def _line_violations(name: str, value: str, longest: int) -> Iterator[Violation]:
    for violation in fields.line_violations(fields.composed(value), longest, ""):
        yield Violation(name, violation.detail, "query")
