"""Accounts: registration, log-in, sessions, passwords. Knows people only through the directory."""
