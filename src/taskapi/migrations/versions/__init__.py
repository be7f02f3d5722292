"""One file per step; the SQL lies beside, under the same name."""
