-- One row: a release that does not have this step cannot use the database any more. Steps that take something away raise it.
CREATE TABLE schema_floor (
    only_row boolean NOT NULL DEFAULT true,
    step text NOT NULL,
    CONSTRAINT schema_floor_pkey PRIMARY KEY (only_row),
    CONSTRAINT schema_floor_one_row CHECK (only_row)
);
-- statement
INSERT INTO schema_floor (step) VALUES ('0005');
