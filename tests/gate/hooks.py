"""What tests do in the middle of a write."""

from collections.abc import Awaitable, Callable

from taskapi.kit.database import Database, Transaction


def before_writes(database: Database, hook: Callable[[], Awaitable[object]]) -> None:
    """Run `hook` before each commit of what changes somebody's data: others go on beside the test, and after it."""

    async def run(transaction: Transaction) -> None:
        if transaction.touched:
            await hook()

    database.hooks.before_commit.append(run)
