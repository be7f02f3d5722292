"""The tool room: everything technical that has no business word in it."""
