"""Mirrors `taskapi.gate`."""
