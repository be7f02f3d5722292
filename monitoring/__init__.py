"""What watches the program: rules and dashboards for Prometheus and Grafana.

`python -m monitoring` writes what is made from something else: the dashboards, and the rules as Kubernetes wants them.
`python -m monitoring.picture` draws a dashboard where there is no Grafana.
"""
