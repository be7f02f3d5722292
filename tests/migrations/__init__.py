"""The database's history can be walked in both directions, by several at once, anywhere the URL points."""
