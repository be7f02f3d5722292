"""A dashboard as one page for the browser, for whoever has Prometheus and no Grafana; it needs nothing but Python."""
