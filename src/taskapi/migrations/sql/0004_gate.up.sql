-- One row. `generation` is part of what every kept answer is filed under; `mode` is open or closed; `server` is the Redis
-- that the open gate stands on (null: it was never open); until `closed_until` nobody opens it again.
CREATE TABLE gate_state (
    only_row boolean NOT NULL DEFAULT true,
    generation text NOT NULL,
    mode text NOT NULL,
    server text,
    closed_until timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT gate_state_pkey PRIMARY KEY (only_row),
    CONSTRAINT gate_state_one_row CHECK (only_row),
    CONSTRAINT gate_state_mode_known CHECK (mode IN ('open', 'closed'))
);
-- statement
INSERT INTO gate_state (generation, mode) VALUES (gen_random_uuid()::text, 'closed');
