"""`make bench-connections`: many connections that stay open, each with a request now and then."""
