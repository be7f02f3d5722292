"""The data of running containers: whose it is, and how it is saved and put back. Each of DUTIES is a sentence.

They take a stack on one machine and leave it as well as it was; they raise AssertionError.
"""

from collections.abc import Callable

import pytest

from tests.deploy.stack import Stack

FOLDER = "/backups"
AS_SUPERUSER = """
import asyncio, asyncpg, os, sys
url = os.environ["DATABASE_URL"].split("?")[0].replace("//task_api:", "//postgres:")
try:
    asyncio.run(asyncpg.connect(url, timeout=10))
except asyncpg.InvalidAuthorizationSpecificationError as error:
    sys.exit("rejects" not in str(error))
sys.exit("connected")
"""
PERSON = "INSERT INTO users VALUES (gen_random_uuid(), '{0}@example.org', '{0}', 'user', now(), NULL, 1)"


def sql(stack: Stack, statement: str, database: str = "taskdb") -> str:
    """Run a statement as the guide does."""
    return stack.compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-Atqc", statement, database).strip()


def there_are(stack: Stack) -> list[str]:
    """Return the files in the folder of backups."""
    return stack.compose("--profile", "backup", "exec", "-T", "backup", "ls", "-A", FOLDER).split()


def backup(stack: Stack, *arguments: str) -> str:
    """Run a command of the program beside the backup service."""
    return stack.compose("--profile", "backup", "exec", "-T", "backup", "task-api", *arguments)


def nobody_connects_as_the_superuser(stack: Stack) -> None:
    """The program is the owner of its database, and could not be more if it wanted to."""
    connected = (
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE client_addr IS NOT NULL AND client_addr <> '127.0.0.1'"
    )
    assert set(sql(stack, connected).split()) == {"task_api"}
    assert sql(stack, "SELECT rolsuper FROM pg_roles WHERE rolname = 'task_api'") == "f"
    stack.compose("exec", "-T", "app", "python", "-c", AS_SUPERUSER)


def a_volume_of_an_older_release_is_taken_over(stack: Stack) -> None:
    """Everything was the superuser's; then as docs/containers.md says."""
    sql(stack, "REASSIGN OWNED BY task_api TO postgres")
    stack.compose("exec", "-T", "postgres", "sh", "/docker-entrypoint-initdb.d/roles.sh")
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert sql(stack, owners) == "task_api"
    assert stack.is_up()


def a_dump_goes_into_another_database(stack: Stack) -> None:
    """With the guide's two commands."""
    sql(stack, "CREATE DATABASE again OWNER task_api")
    pipe = "set -o pipefail; pg_dump -U postgres taskdb | psql -qU postgres -v ON_ERROR_STOP=1 again >/dev/null"
    stack.compose("exec", "-T", "postgres", "bash", "-c", pipe)
    count = "SELECT count(*) FROM users"
    assert sql(stack, count) == sql(stack, count, "again")
    sql(stack, "DROP DATABASE again")


def there_is_a_backup_as_soon_as_the_service_is_well(stack: Stack) -> None:
    """On a new volume, which belongs to the program."""
    sql(stack, PERSON.format("before"))
    stack.up(profile="backup")
    (file,) = there_are(stack)
    assert "is whole" in backup(stack, "restore", "--verify-only", f"{FOLDER}/{file}")


def a_backup_is_put_back(stack: Stack) -> None:
    """What came after it is gone, what was there before is there."""
    (file,) = there_are(stack)
    sql(stack, PERSON.format("after"))
    backup(stack, "restore", "--replace", f"{FOLDER}/{file}")
    assert sql(stack, "SELECT name FROM users WHERE name IN ('before', 'after')") == "before"
    assert stack.is_up()


def old_backups_go_when_a_new_one_is_there(stack: Stack) -> None:
    """And none when there is no new one."""
    (old,) = there_are(stack)
    backup(stack, "backup", "--keep", "1", FOLDER)
    (new,) = there_are(stack)
    assert new > old
    stack.compose("stop", "postgres")
    with pytest.raises(AssertionError, match="The backup failed: "):
        backup(stack, "backup", "--keep", "1", FOLDER)
    assert there_are(stack) == [new]
    stack.up(profile="backup")


DUTIES: tuple[Callable[[Stack], None], ...] = (
    nobody_connects_as_the_superuser,
    a_volume_of_an_older_release_is_taken_over,
    a_dump_goes_into_another_database,
    there_is_a_backup_as_soon_as_the_service_is_well,
    a_backup_is_put_back,
    old_backups_go_when_a_new_one_is_there,
)
