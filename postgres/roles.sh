#!/bin/sh
# Makes the two roles that are no superuser: `task_api`, which owns the database and everything in it and as which the
# program connects, and `replicator`, which a streaming replica needs. Both have ROLES_PASSWORD.
#
# The image runs this once, for a new volume. It changes nothing that is right already, so that it can be run again:
# for a volume that is older than this file, after DB_PASSWORD was changed, after a dump was restored.
#
#   docker compose exec postgres sh /docker-entrypoint-initdb.d/roles.sh
psql --username=postgres --dbname="$POSTGRES_DB" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 <<'SQL'
\getenv database POSTGRES_DB
\getenv password ROLES_PASSWORD
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['task_api', 'replicator']) AS name
WHERE to_regrole(name) IS NULL
\gexec
ALTER ROLE task_api LOGIN PASSWORD :'password';
ALTER ROLE replicator LOGIN REPLICATION PASSWORD :'password';
GRANT pg_monitor TO task_api; -- sees at once that a replica follows another primary
ALTER DATABASE :"database" OWNER TO task_api;
-- Everything in it that is the superuser's, but not what belongs to something else: to an extension, a table's column.
SELECT format('ALTER %s %s OWNER TO task_api', kind, name)
FROM (
    SELECT 'pg_class'::regclass, oid, relowner,
        CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
        oid::regclass::text
    FROM pg_class WHERE relkind IN ('r', 'p', 'S', 'v', 'm') AND relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, proowner, 'ROUTINE', oid::regprocedure::text
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'pg_type'::regclass, oid, typowner, 'TYPE', oid::regtype::text
    FROM pg_type WHERE typtype IN ('d', 'e') AND typnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass, oid, cfgowner, 'TEXT SEARCH CONFIGURATION', oid::regconfig::text
    FROM pg_ts_config WHERE cfgnamespace = 'public'::regnamespace
) AS object (catalogue, id, owner, kind, name)
WHERE owner <> 'task_api'::regrole AND NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = catalogue AND objid = id
    AND (deptype IN ('e', 'i') OR (deptype = 'a' AND kind = 'SEQUENCE'))
)
\gexec
COMMIT;
SQL
