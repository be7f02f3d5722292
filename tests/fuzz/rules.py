"""What JSON Schema cannot state: rules by which the API refuses what its document allows, each with its reason.

A finding is dropped only if the check, the operation, the status and the API's own words all fit.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure

POSITIVE = "RejectedPositiveData"
UNAVAILABLE = "EnsureResourceAvailability"


class Rule(NamedTuple):
    """One documented rule."""

    failure: str
    operations: Callable[[str], bool]
    status: int
    word: str
    """The problem's code or, for an invalid part, where it is: a JSON pointer or a parameter's name."""
    reason: str


def exactly(*labels: str) -> Callable[[str], bool]:
    """Return whether a label is one of these."""
    return lambda label: label in labels


def anything(_: str) -> bool:
    """Fit every operation."""
    return True


RULES = (
    Rule(POSITIVE, exactly("POST /api/auth/register"), 422, "/password", "a common password"),
    Rule(POSITIVE, exactly("PUT /api/auth/password"), 422, "/newPassword", "a common password"),
    Rule(POSITIVE, anything, 422, "cursor", "a cursor is made by the API, not by anybody else"),
    Rule(POSITIVE, anything, 422, "idempotency-key-reused", "this key was used for another request"),
    Rule(POSITIVE, anything, 412, "precondition-failed", "the object has another version"),
)


def keep(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Say whether a finding stands."""
    return not any(_fits(rule, failure, case, response) for rule in RULES)


def _fits(rule: Rule, failure: Failure, case: Case[Any], response: Response) -> bool:
    return (
        type(failure).__name__ == rule.failure
        and rule.operations(case.operation.label)
        and response.status_code == rule.status
        and set(_words(response)) == {rule.word}
    )


def _words(response: Response) -> Iterator[str]:
    """Yield where the parts are that the API objects to; if it names none, the problem's code."""
    problem: dict[str, Any] = response.json()
    parts = problem.get("errors", [])
    for part in parts:
        yield part.get("pointer") or part.get("parameter") or ""
    if not parts:
        yield problem["code"]
