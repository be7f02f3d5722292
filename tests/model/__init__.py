"""An exhaustive model of the gate's cache protocol: every interleaving of a small world, with every fault it may meet.

The protocol's rules are pure functions on frozen states (`redis`, `reading`, `writing`, `relaying`); `surroundings`
holds what time and misfortune do. `configurations` lists the small worlds that are walked to the end, `weakenings` the
broken variants, each of which some world has to catch. Nothing here imports the program: this is what it has to obey.

What is assumed, not shown: a process names the epoch of the server it talks to (it reads it at each connect, and
servers that change their role cut their clients off or answer READONLY); PostgreSQL keeps what it has committed.
"""
