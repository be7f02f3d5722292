"""Tests speak as people, against real servers."""
