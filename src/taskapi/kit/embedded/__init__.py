"""The PostgreSQL and the Valkey that the program starts itself when no URL names others.

Real servers, found on PATH or in two wheels, with their own data folder and unix sockets; nothing here
listens on a network. `servers` is the way in; `guardian` is the small process that outlives a killed parent
just long enough to stop them cleanly.
"""
