"""The kit: database, passwords, tokens, seals, logs – each as it breaks, not only as it works."""
