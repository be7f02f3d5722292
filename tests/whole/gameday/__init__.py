"""A game day: what goes wrong is caused, and Prometheus, the dashboards and people are watched meanwhile."""
