"""What keeps those apart who change the schema: instances that migrate, and whoever restores a backup."""

LOCK = 7_205_759_403_792_793
"""The advisory lock that they take in turn; any number of ours does."""
