"""Accounts, sessions and passwords, through HTTP and as people."""
