"""How the answers of this domain are kept: data for whoever keeps them."""

from taskapi.http.policy import CachePolicy

TASK_CACHE = CachePolicy(key="task:{userId}:{taskId}", seconds=600, field="task:{taskId}")
"""`GET /api/tasks/{id}`."""

LIST_CACHE = CachePolicy(key="tasks:{userId}:{query}", seconds=300, field="tasks")
"""`GET /api/tasks`."""

TRASH_CACHE = CachePolicy(key="tasks:{userId}:trash:{query}", seconds=300, field="tasks")
"""`GET /api/trash`."""

SUMMARY_CACHE = CachePolicy(key="tasks:{userId}:summary", seconds=300, field="tasks")
"""`GET /api/tasks/summary`. Its `overdue` changes with the clock, so it lives at most until the next due time."""
