"""What JSON Schema cannot state: rules by which the API refuses what its document allows, each with its reason.

A finding is dropped only if the check, the operation, the status and everything that the API says about it fit a rule.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData, UseAfterFree

ANYTHING = ".*"


class Rule(NamedTuple):
    """One documented rule."""

    failure: type[Failure]
    operation: str
    status: int
    says: str
    """What the API says of each invalid part, `place: reason`, or the problem's code if it names none."""
    reason: str
    when: Callable[[Case[Any]], bool] = lambda _: True


def is_decomposed(case: Case[Any]) -> bool:
    """Say whether a request holds text that is not in Unicode's composed form."""
    return any(not unicodedata.is_normalized("NFC", text) for text in _texts([case.body, case.query]))


RULES = (
    Rule(RejectedPositiveData, "POST /api/auth/register", 422, "/password: This password is .*", "common passwords"),
    Rule(RejectedPositiveData, "PUT /api/auth/password", 422, "/newPassword: This password is .*", "common passwords"),
    Rule(RejectedPositiveData, "GET .*", 422, "cursor: This cursor is .*", "only the API makes cursors"),
    Rule(RejectedPositiveData, ANYTHING, 422, "idempotency-key-reused", "a key is of one request"),
    Rule(RejectedPositiveData, ANYTHING, 412, "precondition-failed", "another version"),
    Rule(RejectedPositiveData, "POST /api/tasks/batch", 412, "/operations/.*/(ifMatch|id): .*", "another version"),
    Rule(
        RejectedPositiveData,
        ANYTHING,
        422,
        "(.*/dueAt|dueBefore|dueAfter|updatedSince): Expected a time from 1970-.*",
        "a time is within the range by its local date, but not in UTC",
    ),
    Rule(
        RejectedPositiveData,
        ANYTHING,
        422,
        ".*(name|title|description|email|label|labels/[0-9]+|q): .*",
        "lengths and repetitions count in the composed form",
        is_decomposed,
    ),
    Rule(
        EnsureResourceAvailability,
        "PUT /api/tasks/.*/restoration",
        404,
        "trashed-task-not-found",
        "only a task in the trash can be restored",
    ),
)


class Verdicts:
    """Judges the findings of one round."""

    def __init__(self) -> None:
        self._restored: set[str] = set()
        self.explained: Counter[str] = Counter()
        """How many findings a rule explains, by its reason."""

    def after_call(self, _: HookContext, case: Case[Any], response: Response) -> None:
        """Notice tasks that came back: to Schemathesis a deletion is for good."""
        if case.operation.path.endswith("/restoration") and response.status_code == 200:
            self._restored.add(str(case.path_parameters["task_id"]))

    def filter_failure(self, _: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
        """Say whether a finding stands."""
        reason = self._reason(failure, case, response)
        if reason is not None:
            self.explained[reason] += 1
        return reason is None

    def _reason(self, failure: Failure, case: Case[Any], response: Response) -> str | None:
        if isinstance(failure, UseAfterFree) and str(case.path_parameters.get("task_id")) in self._restored:
            return "a task came back from the trash"
        return next((rule.reason for rule in RULES if _fits(rule, failure, case, response)), None)


def _fits(rule: Rule, failure: Failure, case: Case[Any], response: Response) -> bool:
    return (
        isinstance(failure, rule.failure)
        and re.fullmatch(rule.operation, case.operation.label) is not None
        and response.status_code == rule.status
        and all(re.fullmatch(rule.says, said, re.DOTALL) for said in _said(response))
        and rule.when(case)
    )


def _said(response: Response) -> Iterator[str]:
    problem: dict[str, Any] = response.json()
    parts = problem.get("errors", [])
    for part in parts:
        yield f"{part.get('pointer') or part.get('parameter') or ''}: {part['detail']}"
    if not parts:
        yield problem["code"]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from (name, *_texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
