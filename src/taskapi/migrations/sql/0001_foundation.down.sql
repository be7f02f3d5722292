DROP TABLE idempotency_keys;
-- statement
DROP TABLE outbox;
