#!/bin/sh
# Starts a streaming replica: copies the primary the first time, then follows it. The copy is made beside the data folder
# and put in its place when it is whole, so that an interrupted one is made anew. No replication slot: a replica that is
# away must never fill the primary's disk; one that was away for too long is copied again after its volume is removed.
#
# Where the primary is and as whom it is asked is said at each start, the password in PGPASSWORD: what a copy remembers
# may be of an older release, or an older password.
set -eu
primary="host=postgres user=replicator application_name=$(hostname)"
if ! [ -s "$PGDATA/PG_VERSION" ]; then
    copy=$PGDATA.copy
    rm -rf "$copy"
    mkdir -p "$(dirname "$copy")"
    pg_basebackup --dbname="$primary" \
        --pgdata="$copy" --write-recovery-conf --wal-method=stream --checkpoint=fast
    rm -rf "$PGDATA"
    mv "$copy" "$PGDATA"
fi
exec postgres "$@" -c primary_conninfo="$primary"
