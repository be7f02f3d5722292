ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_user_id_fkey;
-- statement
DROP TABLE attempts;
-- statement
DROP TABLE known_addresses;
-- statement
DROP TABLE sessions;
-- statement
DROP TABLE credentials;
-- statement
DROP TABLE users;
