"""The few forms of question that panels ask Prometheus, of this program's metrics only."""

OURS = 'job="task-api"'
SPAN = "$__rate_interval"
"""As long as a step of the graph, and never less than four scrapes."""

NO_PROBES = 'route!~"/api/(health|openapi).*|/docs.*"'


def chosen(metric: str, *conditions: str) -> str:
    """Return the series of one metric."""
    return f"{metric}{{{', '.join((OURS, *conditions))}}}"


def per_second(metric: str, *conditions: str, by: str = "") -> str:
    """Return how fast a counter grows, in all that `by` tells apart."""
    return f"sum{_by(by)} (rate({chosen(metric, *conditions)}[{SPAN}]))"


def together(metric: str, *conditions: str, by: str = "") -> str:
    """Return the sum of a gauge."""
    return f"sum{_by(by)} ({chosen(metric, *conditions)})"


def quantile(share: float, metric: str, *conditions: str, by: str = "") -> str:
    """Return what that share of all durations does not exceed: from the native histogram, else from the classic one."""
    labels = f"le, {by}" if by else "le"
    fine, coarse = per_second(metric, *conditions, by=by), per_second(f"{metric}_bucket", *conditions, by=labels)
    return f"histogram_quantile({share}, {fine}) or histogram_quantile({share}, {coarse})"


def share(part: str, *rest: str) -> str:
    """Return which share of itself and the rest something is."""
    return f"({part}) / ({' + '.join((part, *rest))})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
