"""What requests cost: CPU time, SQL statements and throughput of the real server, measured side by side in one run."""
