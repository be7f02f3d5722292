"""Describes everything that migrations make, so that two databases can be compared."""

import asyncpg

QUERIES = {
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, generation_expression,
               character_maximum_length, datetime_precision, collation_name
        FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), condeferrable
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0 ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND prokind <> 'a'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') ORDER BY 1, 2""",
    "triggers": """
        SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1""",
    "types": """
        SELECT typname, typtype::text FROM pg_type
        WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('d', 'e')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e') ORDER BY 1""",
    "relations": """
        SELECT relname, relkind::text, reloptions::text FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace ORDER BY 1""",
    "configurations": """
        SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = current_schema()::regnamespace ORDER BY 1""",
    "extensions": "SELECT extname FROM pg_extension ORDER BY 1",
}

Description = dict[str, list[tuple[object, ...]]]


async def described(connection: "asyncpg.Connection[asyncpg.Record]") -> Description:
    """Return what there is in the schema that comes first on the search path."""
    return {name: [tuple(row.values()) for row in await connection.fetch(query)] for name, query in QUERIES.items()}
