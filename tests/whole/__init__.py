"""The whole as it is deployed, of processes: nginx, three instances and more, a primary with a replica, Valkey."""
