CREATE EXTENSION IF NOT EXISTS pg_trgm;
-- statement
CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    created_at timestamptz (3) NOT NULL,
    disabled_at timestamptz (3),
    version bigint NOT NULL,
    search text NOT NULL GENERATED ALWAYS AS (lower(email || E'\n' || name)) STORED,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_role_known CHECK (role IN ('user', 'admin')),
    CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_name_length CHECK (char_length(name) BETWEEN 1 AND 100)
);
-- statement
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
-- statement
CREATE INDEX users_search ON users USING gin (search gin_trgm_ops);
-- statement
CREATE INDEX users_enabled_admins ON users (id) WHERE role = 'admin' AND disabled_at IS NULL;
-- statement
CREATE TABLE credentials (
    user_id uuid NOT NULL,
    password_hash text NOT NULL,
    changed_at timestamptz (3) NOT NULL,
    CONSTRAINT credentials_pkey PRIMARY KEY (user_id),
    CONSTRAINT credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
-- statement
-- `last_seen_on` exists for its index: it changes once a day, so that noting a minute stays a heap-only update.
CREATE TABLE sessions (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    role text NOT NULL,
    device text NOT NULL,
    address text NOT NULL,
    created_at timestamptz (3) NOT NULL,
    last_seen_at timestamptz (3) NOT NULL,
    expires_at timestamptz (3) NOT NULL,
    last_seen_on date NOT NULL GENERATED ALWAYS AS ((last_seen_at AT TIME ZONE 'UTC')::date) STORED,
    CONSTRAINT sessions_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_role_known CHECK (role IN ('user', 'admin')),
    CONSTRAINT sessions_device_length CHECK (char_length(device) <= 200)
) WITH (fillfactor = 80);
-- statement
CREATE INDEX sessions_expiry ON sessions (expires_at);
-- statement
CREATE INDEX sessions_last_seen ON sessions (last_seen_on);
-- statement
CREATE TABLE known_addresses (
    user_id uuid NOT NULL,
    address bytea NOT NULL,
    last_used_at timestamptz (3) NOT NULL,
    CONSTRAINT known_addresses_pkey PRIMARY KEY (user_id, address),
    CONSTRAINT known_addresses_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
-- statement
CREATE INDEX known_addresses_age ON known_addresses (last_used_at);
-- statement
CREATE TABLE attempts (
    key bytea NOT NULL,
    paid_until timestamptz NOT NULL,
    CONSTRAINT attempts_pkey PRIMARY KEY (key)
);
-- statement
CREATE INDEX attempts_age ON attempts (paid_until);
-- statement
-- Checks the rows that are there: none, for without users there is nobody whose answers could be kept.
-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_user_id_fkey
FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
