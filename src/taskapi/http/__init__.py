"""The edge that all domains share: problems, paging, conditional requests, idempotency, health, documentation."""
