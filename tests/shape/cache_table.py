"""Writes the table of keys in docs/caching.md from the code: `python -m tests.shape.cache_table`."""

import re

from taskapi.auth.cache import USER_CACHE
from taskapi.gate import keys
from taskapi.http.policy import CachePolicy
from taskapi.tasks.cache import LIST_CACHE, SUMMARY_CACHE, TASK_CACHE, TRASH_CACHE
from tests.shape.source import ROOT

PAGE = ROOT / "docs" / "caching.md"
PLACE = re.compile(r"(?<=<!-- keys -->\n).*?(?=<!-- /keys -->)", re.DOTALL)
POLICIES = {
    "`GET /api/auth/me`": USER_CACHE,
    "`GET /api/tasks`, each query": LIST_CACHE,
    "`GET /api/tasks/{id}`": TASK_CACHE,
    "`GET /api/tasks/summary`; at most until the next due time": SUMMARY_CACHE,
    "`GET /api/trash`, each page": TRASH_CACHE,
}
GATE = (
    (keys.VERSIONS % "userId", "the versions of one user's data", "24 h after its last use", "–"),
    (keys.SESSION % ("userId", "sessionId"), "a copy of a session", f"{keys.SESSION_SECONDS // 3600} h", "`sessions`"),
    (
        keys.SESSION % ("userId", "sessionId"),
        "the tombstone of an ended session",
        f"{keys.TOMBSTONE_SECONDS // 3600} h",
        "–",
    ),
    (keys.LIMIT % ("userId", "class"), "a counter of the rate limits", "until the allowance is whole", "–"),
)


def render() -> str:
    """Return the table."""
    head = ["| Key in Redis | What | Time to live | Version field |", "|---|---|---|---|"]
    bodies = [
        _row(_tagged(policy.key), what, _minutes(policy), f"`{policy.field}`") for what, policy in POLICIES.items()
    ]
    return "\n".join([*head, *bodies, *(_row(*row) for row in GATE)]) + "\n"


def write() -> None:
    """Write it into the page."""
    PAGE.write_text(PLACE.sub(lambda _: render(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _row(key: str, what: str, seconds: str, field: str) -> str:
    return f"| `{key}` | {what} | {seconds} | {field} |"


def _tagged(key: str) -> str:
    """Return a key as it stands in Redis: the user's id in literal braces, the rest filled in."""
    return (
        key.replace("{userId}", "{userId\0")
        .replace("{taskId}", "taskId")
        .replace("{query}", "query")
        .replace("\0", "}")
    )


def _minutes(policy: CachePolicy) -> str:
    return f"{policy.seconds // 3600} h" if policy.seconds % 3600 == 0 else f"{policy.seconds // 60} min"


if __name__ == "__main__":
    write()
