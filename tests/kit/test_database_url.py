"""A database's address is read as people write it, and no complaint about it gives away a part of it."""

from urllib.parse import quote, urlsplit

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.config import DatabaseSettings, Secret
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database
from taskapi.kit.database.url import each_host, parse

anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("postgres://h/db", "postgresql://h/db"),
        ("postgresql+asyncpg://h/db", "postgresql://h/db"),
        ("postgresql://u:p%40%2Fw@h:6543/db", "postgresql://u:p%40%2Fw@h:6543/db"),
        ("postgresql://u:p@ss@h/db", "postgresql://u:p@ss@h/db"),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql://one:1,two:2/db", "postgresql://one:1,two:2/db?target_session_attrs=read-write"),
        ("postgresql://one,two/db?target_session_attrs=any", "postgresql://one,two/db?target_session_attrs=any"),
        ("postgresql:///db?host=/run/x&port=5433", "postgresql:///db?host=/run/x&port=5433"),
        ("postgresql://u@/db?host=%2Frun%2Fa%20b", "postgresql://u@/db?host=/run/a+b"),
        ("postgresql://h/db?sslmode=require&schema=s", "postgresql://h/db?sslmode=require"),
        ("postgresql://h/db?connection_limit=5&pool_timeout=2", "postgresql://h/db"),
        ("postgresql://h", "postgresql://h"),
    ],
)
def test_the_driver_gets_an_address_that_it_understands(written: str, told: str) -> None:
    assert parse(written).dsn == told


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://h/db", ["postgresql://h/db"]),
        ("postgresql:///db?host=/run/x", ["postgresql:///db?host=/run/x"]),
        (
            "postgresql://u:p,%40@a:1,[::1]:2/db?x=y",
            ["postgresql://u:p,%40@a:1/db?x=y", "postgresql://u:p,%40@[::1]:2/db?x=y"],
        ),
    ],
)
def test_each_host_of_several_can_be_asked_alone(dsn: str, hosts: list[str]) -> None:
    assert list(each_host(dsn)) == hosts


def test_what_other_tools_add_is_taken_out() -> None:
    found = parse("postgresql://h/db?schema=tenant&connection_limit=5&pool_timeout=2")
    assert (found.schema, found.connection_limit, found.pool_timeout) == ("tenant", 5, 2)
    nothing = parse("postgresql://h/db?schema=")
    assert (nothing.schema, nothing.connection_limit, nothing.pool_timeout) == (None, None, None)
    assert nothing.search_path is None


def test_pgbouncer_is_true_or_false() -> None:
    assert parse("postgresql://h/db?pgbouncer=true") == parse("postgresql://h/db")._replace(pgbouncer=True)
    assert not parse("postgresql://h/db?pgbouncer=false").pgbouncer
    with pytest.raises(ValueError, match="pgbouncer"):
        parse("postgresql://h/db?pgbouncer=1")


def test_a_schema_is_quoted_for_the_search_path() -> None:
    assert parse('postgresql://h/db?schema=My "own"').search_path == '"My ""own"""'


@pytest.mark.parametrize("name", ["connection_limit", "pool_timeout"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "ten", "", "٣", "²"])
def test_a_limit_that_is_no_positive_whole_number_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        parse(f"postgresql://h/db?{name}={value}")


@pytest.mark.parametrize("address", ["", "db", "mysql://h/db", "redis://h", "//h/db", "host=h dbname=db"])
def test_another_kind_of_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        parse(address)


@pytest.mark.parametrize(
    "password", ["top/secret", "top#secret", "top?secret", "top[secret", "top]secret", "to℀secret"]
)
def test_a_complaint_about_a_password_does_not_quote_it(password: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        parse(f"postgresql://ada:{password}@h/db")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(user=anything, password=anything)
def test_every_percent_encoded_login_reaches_the_driver_as_it_was_meant(user: str, password: str) -> None:
    written = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h:1/db?schema=s"
    parts = urlsplit(parse(written).dsn)
    assert (parts.username, parts.password) == (quote(user, safe=""), quote(password, safe=""))
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("h", 1, "/db", "")


@pytest.mark.anyio
async def test_the_pool_keeps_to_the_address(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    await admin.execute('CREATE SCHEMA IF NOT EXISTS "My room"')
    await admin.close()
    url = f"{database_url}&schema=My%20room&connection_limit=1&pool_timeout=1&application_name=ours"
    database = Database(DatabaseSettings(url=Secret(url)), system_clock, {})
    await database.open()
    async with database.read() as connection:
        assert await connection.fetch_value("SELECT current_schema()") == "My room"
        assert await connection.fetch_value("SHOW statement_timeout") == "5s"
        assert await connection.fetch_value("SHOW lock_timeout") == "3s"
        assert await connection.fetch_value("SHOW idle_in_transaction_session_timeout") == "10s"
        assert await connection.fetch_value("SHOW transaction_timeout") == "1min"
        with pytest.raises(Exception, match="busy"):
            async with database.read():
                pass
    await database.close()
