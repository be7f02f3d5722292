"""Backups: one file that holds one moment of the database, and the way back from it."""
