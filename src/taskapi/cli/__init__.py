"""The command line: thin commands over the same rooms and use cases that the server has."""
