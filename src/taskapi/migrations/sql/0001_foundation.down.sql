DROP FUNCTION open_idempotency_key;
-- statement
DROP TABLE idempotency_keys;
-- statement
DROP TABLE outbox;
