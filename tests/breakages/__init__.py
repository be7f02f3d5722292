"""The break-it list: faults that somebody might make, each with the tests that must go red for it."""
