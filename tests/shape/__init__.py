"""The shape of the house: budgets, docstrings, tracked files, and documents that keep up with the code."""
