"""Counts every answer, whether a check looks at it or not."""

from collections import Counter
from typing import Any

import requests
from schemathesis import Case, HookContext, Response


class Tally:
    """The requests that were sent and what came back."""

    def __init__(self) -> None:
        self.sent = 0
        self.by_phase: Counter[str] = Counter()
        self.by_operation: Counter[tuple[str, int]] = Counter()
        """Per operation and status."""
        self.broken: list[str] = []
        """Requests that were answered with 500 or more, or not at all, as commands that repeat them."""

    def after_call(self, _: HookContext, case: Case[Any], response: Response) -> None:
        """Count one answer."""
        self._count(case, response.status_code)
        if response.status_code >= 500:
            self.broken.append(f"{response.status_code}: {case.as_curl_command(dict(response.request.headers))}")

    def after_network_error(self, _: HookContext, case: Case[Any], request: requests.PreparedRequest) -> None:
        """Count one request without an answer."""
        self._count(case, 0)
        self.broken.append(f"no answer: {case.as_curl_command(dict(request.headers))}")

    def operations(self) -> dict[str, Counter[int]]:
        """Return the answers' statuses per operation."""
        found: dict[str, Counter[int]] = {}
        for (label, status), count in self.by_operation.items():
            found.setdefault(label, Counter())[status] += count
        return found

    def _count(self, case: Case[Any], status: int) -> None:
        self.sent += 1
        self.by_operation[case.operation.label, status] += 1
        if case.meta is not None:
            self.by_phase[case.meta.phase.name.value] += 1
