"""The faults. Each changes one place of the code so that one promise is broken; its tests have to notice."""

from typing import NamedTuple


class Fault(NamedTuple):
    """One change to one file, and where it must be noticed."""

    promise: str
    file: str
    old: str
    new: str
    tests: str


FAULTS = (
    Fault(
        "a stranger's task is not found",
        "tasks/store.py",
        "FROM tasks WHERE user_id = $1 AND id = $2 AND trashed_at IS NULL",
        "FROM tasks WHERE $1::uuid IS NOT NULL AND id = $2 AND trashed_at IS NULL",
        "tests/test_strangers.py -k get",
    ),
    Fault(
        "a stranger's session is not found",
        "auth/store.py",
        "DELETE FROM sessions WHERE user_id = $1 AND id = $2",
        "DELETE FROM sessions WHERE $1::uuid IS NOT NULL AND id = $2",
        "tests/test_strangers.py -k session",
    ),
    Fault(
        "of two writers with one version one wins",
        "tasks/usecases.py",
        "        check(task.version)\n",
        "",
        "tests/tasks/test_races.py -k exactly_one_wins",
    ),
    Fault(
        "a change sees the change before it",
        "tasks/store.py",
        "ORDER BY id FOR UPDATE",
        "ORDER BY id",
        "tests/tasks/test_races.py -k exactly_one_wins",
    ),
    Fault(
        "effect and kept answer are one",
        "http/idempotency.py",
        "        await self._settle(deferral, recorder.answer)\n",
        "        await deferral.commit()\n",
        "tests/http/test_idempotency.py -k the_same_again",
    ),
    Fault(
        "a key is for one request",
        "http/idempotency.py",
        "            raise KeyReused",
        "            pass",
        "tests/http/test_idempotency.py -k another_request_with_the_key",
    ),
    Fault(
        "a repeated write waits for its first time",
        "http/idempotency.py",
        "if not await wait.until(self._is_over):",
        "if True:",
        "tests/http/test_awaiting.py -k waits_and_is_answered",
    ),
    Fault(
        "so many wait and no more",
        "http/awaiting.py",
        "return self.number < PLACES",
        "return True",
        "tests/http/test_awaiting.py -k beyond_so_many",
    ),
    Fault(
        "a caller who has gone is not waited for",
        "http/awaiting.py",
        "return not done",
        "return True",
        "tests/http/test_awaiting.py -k goes_away",
    ),
    Fault(
        "nothing is in the outbox of a transaction that failed, everything of one that did not",
        "kit/database/transaction.py",
        "            await self.transaction.store_events()\n",
        "            pass\n",
        "tests/kit/test_transactions.py -k stored_with_one_statement",
    ),
    Fault(
        "a commit that was sent cannot be abandoned",
        "kit/database/transaction.py",
        "        await asyncio.shield(task)",
        "        await task",
        "tests/kit/test_transactions.py -k during_the_commit",
    ),
    Fault(
        "guesses are counted before they are checked",
        "auth/verification.py",
        "    await attempts.count(rooms, limits)\n",
        "",
        "tests/auth/test_limits.py -k parallel_guesses",
    ),
    Fault(
        "an unknown address takes as long as a known one",
        "kit/passwords.py",
        "self._matches(known or self._of_nobody, password)",
        "known is not None and self._matches(known, password)",
        "tests/kit/test_passwords.py -k nobody_takes_as_long",
    ),
    Fault(
        "one algorithm is accepted",
        "kit/tokens.py",
        "[ALGORITHM]",
        '[ALGORITHM, "HS384", "HS512"]',
        "tests/kit/test_tokens.py tests/auth/test_tokens.py",
    ),
    Fault(
        "a cursor belongs to its user",
        "http/paging.py",
        "seals.open(cursor, user_id.bytes, ",
        "seals.open(cursor, b'', ",
        "tests/tasks/test_lists.py -k cursor",
    ),
    Fault(
        "the last administrator stays",
        "users/administrators.py",
        "    await store.take_admins_turn(transaction)\n",
        "",
        "tests/users/test_last_admin.py",
    ),
    Fault(
        "who is disabled is out at once",
        "users/usecases.py",
        "    await rooms.sessions.end_all(transaction, after.id)\n",
        "",
        "tests/users/test_users.py -k disabled",
    ),
    Fault(
        "a left session ends",
        "contracts/sessions.py",
        " and now - self.last_seen_at < idle",
        "",
        "tests/auth/test_sessions.py -k seven_days",
    ),
    Fault(
        "what is kept is served under its version only",
        "gate/lua/admit.lua",
        "if ARGV[3] == stamp then",
        "if ARGV[3] ~= '' then",
        "tests/gate/test_admission.py",
    ),
    Fault(
        "a replica answers only what it has replayed",
        "kit/database/replica.py",
        "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1",
        "SELECT pg_is_in_recovery() AND $1::pg_lsn IS NOT NULL",
        "tests/gate/edge/test_replicas.py -k asked_again",
    ),
    Fault(
        "from where on a replica may answer is never lowered",
        "gate/lua/end.lua",
        "if filed and string.sub(filed, 13) > position then",
        "if false then",
        "tests/gate/test_scripts.py -k highest_position",
    ),
    Fault(
        "nobody serves what is kept without a permission that lasts",
        "gate/lease.py",
        "return self.now() < self._until and server == self._server is not None",
        "return server == self._server is not None",
        "tests/gate/test_lease.py",
    ),
    Fault(
        "a refused request is not counted by the limits that had room",
        "gate/tally.py",
        "if group and not is_refused:",
        "if group and is_refused:",
        "tests/gate/test_limits.py",
    ),
    Fault(
        "secrets stay out of tracebacks",
        "kit/telemetry.py",
        "show_locals=False",
        "show_locals=True",
        "tests/kit/test_telemetry.py",
    ),
    Fault(
        "the left-most claim of an address is not believed",
        "http/address.py",
        "for claim in reversed(_claims(scope))",
        "for claim in _claims(scope)",
        "tests/http/test_requests.py -k claim",
    ),
    Fault(
        "readiness fails first",
        "http/health.py",
        'return Readiness("stopping")',
        'return Readiness("ready")',
        "tests/http/test_health.py",
    ),
    Fault(
        "what was acknowledged outlives a crash of the database",
        "kit/embedded/postgres.py",
        '"synchronous_commit": "on"}',
        '"synchronous_commit": "off"}',
        "tests/system/test_kill.py -k kill_of_the_database",
    ),
    Fault(
        "no text holds up everybody else",
        "tasks/fields.py",
        "    if has_stacked_marks(value):\n        yield Violation(pointer, STACKED)\n",
        "",
        "tests/tasks/test_text.py -k pile_up",
    ),
    Fault(
        "a backup is of one moment",
        "kit/database/bulk.py",
        '"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"',
        '"BEGIN READ ONLY"',
        "tests/backup/test_under_load.py -k of_one_moment",
    ),
    Fault(
        "a restore gives the gate a generation that never was",
        "backup/restoration.py",
        "        await store.begin_anew(connection)\n",
        "",
        "tests/backup/test_under_load.py -k never_served_again",
    ),
    Fault(
        "nobody may serve what was kept when a restore commits",
        "backup/restoration.py",
        "        await asyncio.sleep(max(0.0, serving_ends_at - time.monotonic()))\n",
        "",
        "tests/backup/test_under_load.py -k cannot_serve_after",
    ),
    Fault(
        "a restore lets no ended session live again",
        "backup/restoration.py",
        "if wishes.keep_sessions or table.name != SESSIONS",
        "if True",
        "tests/backup/test_under_load.py -k logs_everybody_out",
    ),
    Fault(
        "what was stored is compared with what was saved",
        "backup/restoration.py",
        "if stored.contents != table.contents:",
        "if False:",
        "tests/backup/test_restoration.py -k stores_differently",
    ),
    Fault(
        "a backup that is not whole is refused",
        "backup/archive.py",
        "if tally.contents != table.contents:",
        "if False:",
        "tests/backup/test_restoration.py -k manifest_says",
    ),
    Fault(
        "a backup has its name only when it is whole",
        "backup/archive.py",
        "        os.unlink(name)\n        if",
        "        if",
        "tests/cli/test_backup.py -k full_disk",
    ),
    Fault(
        "a filled database is replaced only if told",
        "backup/restoration.py",
        "    if wishes.replace:\n        return\n",
        "    if True:\n        return\n",
        "tests/cli/test_backup.py -k only_if_told",
    ),
)
