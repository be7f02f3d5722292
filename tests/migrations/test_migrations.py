"""Up, down and up again is the same as up; several may do it at once; the SQL can be read without a database."""

import asyncio
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from taskapi.kit.database import url as database_urls
from taskapi.migrations import run
from tests.kit.wire import line_to
from tests.migrations.schema import Description, described
from tests.servers import Servers

FOLDER = Path(run.__file__).parent
STEPS = [script.revision for script in ScriptDirectory(FOLDER).walk_revisions()][::-1]


@pytest.fixture
def url(servers: Servers) -> str:
    """An empty database."""
    return servers.create_database()


def schema(url: str) -> Description:
    async def look() -> Description:
        address = database_urls.parse(url)
        settings = {"search_path": address.search_path} if address.search_path else {}
        connection = await asyncpg.connect(address.dsn, server_settings=settings)
        try:
            return await described(connection)
        finally:
            await connection.close()

    return asyncio.run(look())


def execute(url: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(work())


def without(found: Description, *names: str) -> Description:
    """Leave out what a way down may leave behind: extensions, and Alembic's own table."""
    return {
        name: [row for row in rows if not str(row[0]).startswith("alembic_version")]
        for name, rows in found.items()
        if name not in names
    }


def test_every_step_can_be_taken_back_and_again(url: str) -> None:
    states = [schema(url)]
    for step in STEPS:
        assert run.upgrade(url, step).current == step
        states.append(schema(url))
        run.downgrade(url)
        assert without(schema(url), "extensions") == without(states[-2], "extensions"), (
            f"{step} leaves something behind"
        )
        run.upgrade(url, step)
        assert schema(url) == states[-1], f"{step} is not the same the second time"


def test_all_the_way_down_leaves_nothing_and_all_the_way_up_is_the_same_again(url: str) -> None:
    empty = schema(url)
    assert run.upgrade(url).is_current
    full = schema(url)
    assert run.downgrade(url, "base").current is None
    assert without(schema(url), "extensions") == without(empty, "extensions")
    assert run.upgrade(url).is_current
    assert schema(url) == full


def test_steps_are_numbered_without_a_gap_and_each_can_be_taken_back() -> None:
    assert [f"{number:04}" for number in range(1, len(STEPS) + 1)] == STEPS
    names = sorted(path.name for path in (FOLDER / "sql").iterdir())
    steps = sorted(path.stem for path in (FOLDER / "versions").glob("0*.py"))
    assert names == sorted(f"{step}.{way}.sql" for step in steps for way in ("up", "down"))


def test_a_step_says_on_which_side_of_a_deploy_it_runs() -> None:
    for path in (FOLDER / "versions").glob("0*.py"):
        docstring = path.read_text(encoding="utf-8").split('"""')[1]
        assert "(`pre`)" in docstring or "(`post`)" in docstring, path.name


def test_up_is_nothing_when_everything_is_applied(url: str) -> None:
    run.upgrade(url)
    before = schema(url)
    assert run.upgrade(url).is_current
    assert schema(url) == before


def test_the_status_tells_without_changing_anything(url: str) -> None:
    before = schema(url)
    found = run.status(url)
    assert (found.current, found.head, found.is_usable) == (None, STEPS[-1], False)
    assert schema(url) == before


def test_there_is_nothing_below_the_ground(url: str) -> None:
    with pytest.raises(run.Refused, match="-1"):
        run.downgrade(url)


def test_an_unknown_step_is_refused(url: str) -> None:
    with pytest.raises(run.Refused, match="9999"):
        run.upgrade(url, "9999")


def test_a_step_that_fails_half_way_leaves_nothing_behind(url: str) -> None:
    execute(url, "CREATE TABLE idempotency_keys (mine text)")
    with pytest.raises(run.Refused, match='"idempotency_keys" already exists'):
        run.upgrade(url, "0001")
    assert run.status(url).current is None
    assert not [row for row in schema(url)["relations"] if row[0] == "outbox"]


def test_the_offline_sql_makes_the_same_database(url: str, servers: Servers) -> None:
    other = servers.create_database()
    run.upgrade(other)
    execute(url, run.sql())
    assert schema(url) == schema(other)
    assert run.status(url).is_current


def test_the_offline_sql_can_be_cut_anywhere() -> None:
    assert "CREATE TABLE outbox" not in run.sql("0001")
    assert run.sql("base", "0001").count("COMMIT;") == 1


@pytest.mark.parametrize("addition", ["sslmode=prefer", "connection_limit=3&pool_timeout=2", "application_name=x"])
def test_the_address_may_say_more(url: str, addition: str) -> None:
    assert run.upgrade(f"{url}&{addition}").is_current


def test_a_schema_that_the_address_names_is_made_and_used(url: str) -> None:
    named = f"{url}&schema={quote('My ten:ant')}"
    untouched = schema(url)
    assert run.upgrade(named).is_current
    assert without(schema(url), "extensions", "triggers") == without(untouched, "extensions", "triggers")
    assert run.upgrade(named).is_current
    assert run.downgrade(named, "base").current is None


def test_a_schema_that_is_there_needs_no_right_to_make_one(url: str, servers: Servers) -> None:
    name = urlsplit(url).path.removeprefix("/")
    superuser = urlsplit(servers.admin_dsn)._replace(path=name).geturl()
    execute(superuser, f"CREATE ROLE lodger_{name} LOGIN", f"CREATE SCHEMA room AUTHORIZATION lodger_{name}")
    lodger = url.replace("//task_api@", f"//lodger_{name}@") + "&schema=room"
    assert run.upgrade(lodger, "0001").current == "0001"
    with pytest.raises(run.Refused, match=r"^permission denied"):
        run.upgrade(lodger.replace("=room", "=attic"), "0001")
    assert run.downgrade(lodger).current is None


def test_a_database_that_is_away_is_an_error_that_can_be_told(free_tcp_port: int) -> None:
    with pytest.raises(OSError, match=str(free_tcp_port)):
        run.status(f"postgresql://postgres@127.0.0.1:{free_tcp_port}/x")


def test_a_database_is_reached_over_a_network_too(url: str) -> None:
    async def reach() -> run.Status:
        async with line_to(url) as (_, address):
            return await asyncio.to_thread(run.upgrade, address)

    assert asyncio.run(reach()).is_current
