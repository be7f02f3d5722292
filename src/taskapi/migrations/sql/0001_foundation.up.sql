CREATE TABLE outbox (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    event text NOT NULL,
    payload jsonb NOT NULL,
    fields text [] NOT NULL,
    created_at timestamptz (3) NOT NULL DEFAULT now(),
    announced_at timestamptz (3),
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);
-- statement
CREATE INDEX outbox_unannounced ON outbox (created_at) WHERE announced_at IS NULL;
-- statement
CREATE INDEX outbox_age ON outbox (created_at);
-- statement
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz (3) NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key)
);
-- statement
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
