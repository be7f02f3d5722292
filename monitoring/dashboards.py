"""The four dashboards: what people see of it, the gate and the cache, the database, and one instance."""

from monitoring.panels import Dashboard, Panel, Query
from monitoring.queries import NO_PROBES, OURS, chosen, per_second, quantile, share, together

DURATION = "http_request_duration_seconds"
COUNT = f"{DURATION}_count"
HERE = 'instance="$instance"'
FAILED = 'status_code=~"5.."'
QUANTILES = (0.5, 0.95, 0.99)


def _burn(what: str, budget: float) -> tuple[Query, ...]:
    """Return how many times faster than allowed something is used up, over a short and two long times."""
    spans = {"5m": "five minutes", "1h": "an hour", "6h": "six hours"}
    return tuple(Query(f"{_part(what, span)} / {budget}", name) for span, name in spans.items())


def _part(what: str, span: str) -> str:
    """Return which share of a span's requests failed or were slow."""
    return f"avg_over_time(task_api:{what}:rate5m[{span}]) / avg_over_time(task_api:requests:rate5m[{span}])"


def _quantiles(metric: str, *conditions: str) -> tuple[Query, ...]:
    return tuple(Query(quantile(share, metric, *conditions), f"{share:.0%} are faster") for share in QUANTILES)


OVERVIEW = Dashboard(
    "overview",
    "overview",
    (
        Panel(
            "Which share of an hour's requests was answered",
            "percentunit",
            (Query(f"1 - {_part('failed_requests', '1h')}"),),
            "99.95 % are promised.",
            is_number=True,
            limits=(0.9995, 0.99),
        ),
        Panel(
            "How long the slowest of a hundred requests took",
            "s",
            (Query(quantile(0.99, DURATION, NO_PROBES)),),
            "A quarter of a second is promised.",
            is_number=True,
            limits=(0.25, 1),
        ),
        Panel("How many instances answer", "short", (Query(f"sum(up{{{OURS}}})"),), is_number=True),
        Panel(
            "How many alerts fire",
            "short",
            (Query('count(ALERTS{alertname=~"TaskApi.*", alertstate="firing"}) or vector(0)'),),
            "Alerting lists them, each with its runbook.",
            is_number=True,
            limits=(1, 2),
        ),
        Panel(
            "How many requests a second are answered, by status",
            "reqps",
            (Query(per_second(COUNT, NO_PROBES, by="status_code"), "{{status_code}}"),),
        ),
        Panel(
            "How long requests take",
            "s",
            _quantiles(DURATION, NO_PROBES),
            "If it grows: database, then one instance.",
        ),
        Panel(
            "Which routes answer 5xx",
            "reqps",
            (
                Query(
                    f"{per_second(COUNT, NO_PROBES, FAILED, by='method, route')} > 0 or vector(0)",
                    "{{method}} {{route}}",
                ),
            ),
            "All of them: what they share, such as the database. One of them: its statements.",
        ),
        Panel(
            "Which routes are slowest",
            "s",
            (
                Query(
                    f"topk(8, {quantile(0.99, DURATION, NO_PROBES, by='method, route')})",
                    "{{method}} {{route}}",
                ),
            ),
            "Each by the slowest of a hundred requests.",
        ),
        Panel(
            "How fast the allowance for failures is used up",
            "short",
            _burn("failed_requests", 0.0005),
            "1 uses up a month's allowance in a month; at 14.4 over an hour somebody is woken.",
        ),
        Panel(
            "How fast the allowance for slow answers is used up",
            "short",
            _burn("slow_requests", 0.01),
            "1 uses up a month's allowance in a month; at 14.4 over an hour somebody is woken.",
        ),
        Panel(
            "How many requests are in progress",
            "short",
            (Query(together("http_requests_in_flight", by="instance"), "{{instance}}"),),
        ),
        Panel(
            "How many requests a second the limits refuse",
            "reqps",
            (Query(per_second("rate_limit_refusals_total", by="limit"), "{{limit}}"),),
        ),
    ),
)

KEPT = per_second("cache_hits_total")
LOADED = per_second("cache_misses_total")
GATE = Dashboard(
    "gate",
    "gate and cache",
    (
        Panel(
            "Which share of reads is answered from the cache",
            "percentunit",
            (Query(share(KEPT, LOADED, per_second("cache_bypasses_total"))),),
            "If it falls: is Redis there, does the gate serve, who writes so much?",
            is_number=True,
        ),
        Panel(
            "How many processes may serve what is kept",
            "short",
            (Query(together("gate_serving")),),
            "As many as there are.",
            is_number=True,
        ),
        Panel(
            "How many processes are cut off from Redis",
            "short",
            (Query(together("gate_cut_off")),),
            "None.",
            is_number=True,
            limits=(1, 1),
        ),
        Panel(
            "How much memory kept answers take",
            "bytes",
            (Query(together("cache_memory_bytes")),),
            is_number=True,
        ),
        Panel(
            "Where answers come from",
            "reqps",
            (
                Query(per_second("cache_hits_total", by="cache_type"), "kept in {{cache_type}}"),
                Query(LOADED, "loaded"),
                Query(per_second("cache_bypasses_total"), "not kept"),
            ),
        ),
        Panel(
            "How many kept answers writes outdate",
            "reqps",
            (
                Query(per_second("cache_stale_refused_total"), "outdated answers refused"),
                Query(per_second("cache_bypasses_writing_total"), "reads during a write"),
            ),
            "More outdated than kept: something writes all the time.",
        ),
        Panel(
            "How many requests the gate decides, and how many without Redis",
            "reqps",
            (
                Query(per_second("gate_questions_total"), "all"),
                Query(per_second("gate_fallbacks_total"), "without Redis"),
                Query(per_second("gate_sessions_loaded_total"), "sessions read from PostgreSQL"),
            ),
        ),
        Panel(
            "How many commands a trip to Redis carries",
            "short",
            (Query(f"{per_second('gate_commands_total')} / {per_second('gate_trips_total')}", "commands in a trip"),),
            "It grows with the load: that is what trips are shared for.",
        ),
        Panel(
            "Which processes serve and which are cut off",
            "short",
            (
                Query(together("gate_serving", by="instance"), "{{instance}} serves"),
                Query(together("gate_cut_off", by="instance"), "{{instance}} cut off"),
            ),
        ),
        Panel(
            "How old the oldest change is that nobody announced",
            "s",
            (Query(f"max by (instance) ({chosen('outbox_waiting_seconds')})", "{{instance}}"),),
            "A second at most, but for moments.",
        ),
        Panel(
            "What Redis did not confirm and others announced",
            "cps",
            (
                Query(per_second("gate_unconfirmed_writes_total"), "writes not confirmed"),
                Query(per_second("gate_relayed_rows_total"), "rows announced by a relay"),
            ),
            "Nothing, but for moments when Redis or a process fails.",
        ),
    ),
)

DATABASE = Dashboard(
    "database",
    "database",
    (
        Panel(
            "How many requests wait for a connection",
            "short",
            (Query(together("db_pool_waiting", by="instance"), "{{instance}}"),),
            "None for long: more instances do not help, fewer or faster statements do.",
        ),
        Panel(
            "How long requests wait for a connection",
            "s",
            _quantiles("db_pool_wait_seconds"),
            "After TASK_API_DATABASE_WAIT, 5 seconds, they get 503.",
        ),
        Panel(
            "How many connections are busy",
            "short",
            (
                Query(together("db_pool_connections", by="state"), "{{state}}"),
                Query(together("db_pool_limit"), "limit"),
            ),
        ),
        Panel(
            "How many statements a second are run",
            "cps",
            (
                Query(per_second("db_statement_duration_seconds_count"), "statements"),
                Query(per_second(COUNT), "requests"),
            ),
            "Less than one for each request, as long as the cache answers.",
        ),
        Panel(
            "Which statements take longest",
            "s",
            (Query(f"topk(8, {quantile(0.99, 'db_statement_duration_seconds', by='statement')})", "{{statement}}"),),
            "Each by the slowest of a hundred; `grep -r NAME src` finds it.",
        ),
        Panel(
            "Which statements take most of PostgreSQL's time",
            "short",
            (
                Query(
                    f"topk(8, {per_second('db_statement_duration_seconds_sum', by='statement')})",
                    "{{statement}}",
                ),
            ),
            "Seconds of waiting in each second: often and fast may be more than seldom and slow.",
        ),
        Panel(
            "What reads that a replica may answer become",
            "reqps",
            (Query(per_second("replica_reads_total", by="outcome"), "{{outcome}}"),),
        ),
        Panel(
            "How many processes read each replica",
            "short",
            (Query(together("replica_used", by="replica"), "replica {{replica}}"),),
            "All, or none of the host that is the primary.",
        ),
        Panel(
            "How late replicas are",
            "s",
            (Query(f"max by (replica) ({chosen('replica_lag_seconds')})", "replica {{replica}}"),),
            "Beyond TASK_API_DATABASE_READ_LAG, 10 seconds, they are left out.",
        ),
        Panel(
            "How much replicas have still to replay",
            "bytes",
            (Query(f"max by (replica) ({chosen('replica_lag_bytes')})", "replica {{replica}}"),),
        ),
    ),
)

INSTANCE = Dashboard(
    "instance",
    "one instance",
    (
        Panel(
            "How many processes it has, of which version",
            "short",
            (Query(together("task_api_processes", HERE, by="version"), "{{version}}"),),
            is_number=True,
        ),
        Panel(
            "How many of them are silent",
            "short",
            (Query(together("task_api_silent_processes", HERE)),),
            is_number=True,
            limits=(1, 1),
        ),
        Panel(
            "How long its oldest process has run",
            "s",
            (Query(f"time() - {together('process_start_time_seconds', HERE)}"),),
            is_number=True,
        ),
        Panel("How many files it has open", "short", (Query(together("process_open_fds", HERE)),), is_number=True),
        Panel(
            "How many processors it uses",
            "short",
            (Query(per_second("process_cpu_seconds_total", HERE), "in use"),),
            "A process uses one at most: half of one leaves room for another instance's work.",
        ),
        Panel(
            "How much memory it holds",
            "bytes",
            (
                Query(together("process_resident_memory_bytes", HERE), "all"),
                Query(together("cache_memory_bytes", HERE), "kept answers"),
            ),
        ),
        Panel(
            "How late its event loop runs",
            "s",
            _quantiles("event_loop_lag_seconds", HERE),
            "Milliseconds; tens of them mean that there is not enough processor time.",
        ),
        Panel(
            "How much of its time Python's collector takes",
            "percentunit",
            (Query(per_second("python_gc_duration_seconds_sum", HERE), "held up"),),
            "It runs seldom, and holds everything up while it does.",
        ),
        Panel(
            "How often Python's collector runs, and what it frees",
            "cps",
            (
                Query(
                    per_second("python_gc_collections_total", HERE, by="generation"),
                    "runs of generation {{generation}}",
                ),
                Query(per_second("python_gc_objects_collected_total", HERE), "objects freed"),
            ),
        ),
        Panel(
            "How many requests a second it answers, by route",
            "reqps",
            (Query(f"{per_second(COUNT, HERE, by='method, route')} > 0", "{{method}} {{route}}"),),
        ),
        Panel(
            "How many requests it has in progress",
            "short",
            (
                Query(together("http_requests_in_flight", HERE), "in progress"),
                Query(together("db_pool_waiting", HERE), "waiting for a connection"),
                Query(together("password_pool_waiting", HERE), "waiting for a password to be hashed"),
            ),
        ),
        Panel(
            "How long hashing a password takes",
            "s",
            _quantiles("password_seconds", HERE),
            "Tens of milliseconds by design; more is the queue before it.",
        ),
        Panel(
            "How many workers ended unasked",
            "short",
            (Query(together("task_api_workers_ended_total", HERE), "since the start"),),
            "None; each step is one that was killed or broke down, and in whose place another one was started.",
        ),
    ),
    is_of_one_instance=True,
)

DASHBOARDS = (OVERVIEW, GATE, DATABASE, INSTANCE)
