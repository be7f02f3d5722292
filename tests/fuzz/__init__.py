"""Generated requests: the OpenAPI document is taken at its word."""
