"""The background jobs of this domain."""

from taskapi.tasks.trash import purge_trash

JOBS = (purge_trash,)
