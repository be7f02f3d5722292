"""Every SQL statement of backups: what is there, what stands in the way of loading it, and the gate's new row."""

from collections.abc import Sequence
from typing import NamedTuple

from taskapi.backup.tables import GATE, NEVER_SAVED, SAVED
from taskapi.kit.database.bulk import LONG_STATEMENT_SECONDS, BulkConnection, quoted
from taskapi.migrations.lock import LOCK

THERE = """
SELECT relname, greatest(reltuples, 0)::bigint AS rows FROM pg_class
WHERE relname = ANY($1::text[]) AND relkind IN ('r', 'p')
AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
"""
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
FOREIGN_KEYS = """
SELECT conrelid::regclass::text AS of_table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY($1::regclass[]) ORDER BY conname
"""
INDEXES = """
SELECT
    indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition,
    ARRAY(
        SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', attrelid::regclass, attnum, attstattarget)
        FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0
    ) AS statistics
FROM pg_index
WHERE indrelid = ANY($1::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY indexrelid
"""
BEGIN_ANEW = """
UPDATE gate_state SET generation = gen_random_uuid()::text, mode = 'closed', server = NULL, closed_until = now()
"""
"""A generation that never was; as on the first start, the relay opens the gate when it is settled."""


class Obstacles(NamedTuple):
    """What is taken away before loading and made again after it: checked row by row, it would cost far more."""

    removal: Sequence[str]
    renewal: Sequence[str]


async def tables(connection: BulkConnection) -> dict[str, int]:
    """Return the tables that are there, in our order, and about how many rows each has."""
    rows = await connection.fetch(THERE, [*SAVED, *NEVER_SAVED])
    found = {row["relname"]: row["rows"] for row in rows}
    return {name: found[name] for name in (*SAVED, *NEVER_SAVED) if name in found}


async def step(connection: BulkConnection) -> str | None:
    """Return where the schema stands."""
    if await connection.fetch_value("SELECT to_regclass('alembic_version')") is None:
        return None
    found = await connection.fetch_value("SELECT version_num FROM alembic_version")
    return None if found is None else str(found)


async def columns(connection: BulkConnection, table: str) -> tuple[str, ...]:
    """Return the columns that are stored and not generated."""
    return tuple(row["attname"] for row in await connection.fetch(COLUMNS, quoted(table)))


async def is_filled(connection: BulkConnection, names: Sequence[str]) -> bool:
    """Say whether any of these tables has a row."""
    looks = " OR ".join(f"EXISTS (SELECT FROM {quoted(name)})" for name in names)
    return bool(looks) and bool(await connection.fetch_value(f"SELECT {looks}"))


async def wait_for_turn(connection: BulkConnection) -> None:
    """Wait for instances that migrate, and let them wait."""
    await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")


async def make_schema(connection: BulkConnection) -> None:
    """Make the schema that the URL names if it is not there."""
    name = connection.schema
    if name is not None and await connection.fetch_value("SELECT to_regnamespace($1)", name) is None:
        await connection.execute(f"CREATE SCHEMA {name}")


async def obstacles(connection: BulkConnection, names: Sequence[str]) -> Obstacles:
    """Return the triggers, foreign keys and indexes of tables; keys that are constraints stay."""
    quoted_names = [quoted(name) for name in names]
    keys = await connection.fetch(FOREIGN_KEYS, quoted_names)
    indexes = await connection.fetch(INDEXES, quoted_names)
    return Obstacles(
        removal=[
            *(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in quoted_names),
            *(f"ALTER TABLE {key['of_table']} DROP CONSTRAINT {key['name']}" for key in keys),
            *(f"DROP INDEX {index['name']}" for index in indexes),
        ],
        renewal=[
            *(statement for index in indexes for statement in (index["definition"], *index["statistics"])),
            *(f"ALTER TABLE {key['of_table']} ADD CONSTRAINT {key['name']} {key['definition']}" for key in keys),
            *(f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in quoted_names),
            f"ANALYZE {', '.join(quoted_names)}",
        ],
    )


async def run_all(connection: BulkConnection, statements: Sequence[str]) -> None:
    """Run statements, one after the other, each for as long as it takes."""
    for statement in statements:
        await connection.execute(statement, seconds=LONG_STATEMENT_SECONDS)


async def empty(connection: BulkConnection, names: Sequence[str]) -> None:
    """Empty tables."""
    await connection.execute(f"TRUNCATE {', '.join(quoted(name) for name in names)}")


async def begin_anew(connection: BulkConnection) -> None:
    """Give the gate a generation that was never used, if this schema has one."""
    if GATE in await tables(connection):
        await connection.execute(BEGIN_ANEW)
