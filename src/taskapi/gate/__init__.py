"""The gate: one trip to Redis answers everything that a request needs to know first."""
