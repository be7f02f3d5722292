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
-- statement
-- Each statement of a volatile function sees what was committed before it began: the look-up comes after the lock.
CREATE FUNCTION open_idempotency_key(
    IN wanted_user uuid, IN wanted_key text,
    OUT free boolean, OUT fingerprint bytea, OUT status smallint, OUT headers text, OUT body bytea
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    free := pg_try_advisory_xact_lock(hashtextextended(wanted_user::text || ' ' || wanted_key, 0));
    SELECT kept.fingerprint, kept.status, kept.headers, kept.body
    INTO fingerprint, status, headers, body
    FROM idempotency_keys AS kept
    WHERE kept.user_id = wanted_user AND kept.key = wanted_key;
END
$$;
