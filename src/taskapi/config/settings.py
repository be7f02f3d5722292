"""What can be set: one class per room, each field with its variable, type, bounds and meaning."""

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

PREFIX = "TASK_API_"


class Secret:
    """A string that never shows itself: not in a log, a traceback or a representation."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


DATABASE_NAMES = {"url": "DATABASE_URL", "direct_url": "DATABASE_DIRECT_URL", "read_urls": "DATABASE_READ_URL"}
Count = Annotated[int, Meta(ge=1, le=100_000)]
Days = Annotated[int, Meta(ge=1, le=3650)]
PerMinute = Annotated[int, Meta(ge=0, le=1_000_000)]


def _named(guide: Mapping[str, str]) -> Any:
    """Name each field `TASK_API_<FIELD>`, or as the scalability guide names it."""
    return lambda name: guide.get(name, PREFIX + name.upper())


class ServerSettings(Struct, frozen=True, kw_only=True, rename=_named({"port": "PORT"})):
    """The HTTP server."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port to listen on.")] = 3000
    workers: Annotated[
        int, Meta(ge=1, le=256, description="Processes that answer requests, each with its own memory and connections.")
    ] = 1
    request_timeout: Annotated[int, Meta(ge=1, le=300, description="Seconds that one request may take; then 503.")] = 15
    shutdown_grace: Annotated[
        int, Meta(ge=1, le=300, description="Seconds that requests in flight get to finish at a stop.")
    ] = 20
    drain_seconds: Annotated[
        int, Meta(ge=0, le=300, description="Seconds between failing readiness and closing the port at a stop.")
    ] = 0
    max_concurrency: Annotated[
        int, Meta(ge=1, le=100_000, description="Requests in progress at once per process; beyond: 503.")
    ] = 512
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="Web origins that may call the API from a browser, comma-separated.")
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose `X-Forwarded-For` is believed (CIDR), comma-separated."),
    ] = ()


class DatabaseSettings(Struct, frozen=True, kw_only=True, rename=_named(DATABASE_NAMES)):
    """PostgreSQL."""

    url: Annotated[
        Secret | None, Meta(description="`postgresql://…` (16 or newer). Unset: an embedded PostgreSQL 18 is started.")
    ] = None
    direct_url: Annotated[
        Secret | None, Meta(description="PostgreSQL itself where `DATABASE_URL` leads to PgBouncer; for migrations.")
    ] = None
    read_urls: Annotated[
        tuple[Secret, ...],
        Meta(description="Read replicas of that server, `postgresql://…` each, comma-separated; see docs/replicas.md."),
    ] = ()
    database_pool: Annotated[
        int, Meta(ge=2, le=500, description="Connections per process; `?connection_limit=` in the URL wins.")
    ] = 10
    database_read_pool: Annotated[
        int, Meta(ge=1, le=500, description="Connections per process to each replica; `?connection_limit=` wins.")
    ] = 10
    database_read_lag: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds that a replica may be behind; beyond, nothing is read there.")
    ] = 10
    database_wait: Annotated[
        int, Meta(ge=1, le=60, description="Seconds to wait for a free connection; then 503. `?pool_timeout=` wins.")
    ] = 5
    database_queue: Annotated[
        Count, Meta(description="Requests that may wait for a free connection; beyond: 503 at once.")
    ] = 256
    statement_timeout: Annotated[int, Meta(ge=1, le=600, description="Seconds that one SQL statement may take.")] = 5
    slow_statement_ms: Annotated[
        int,
        Meta(ge=0, le=600_000, description="Milliseconds from which on the log tells of an SQL statement. `0`: never."),
    ] = 500

    @property
    def slow_seconds(self) -> float:
        """From how long on a statement is slow."""
        return self.slow_statement_ms / 1000 or inf

    @property
    def connections_beside_pool(self) -> int:
        """How many a process holds to the primary besides: the gate's, that for health, and one to watch replicas."""
        return 3 if self.read_urls else 2

    @property
    def direct(self) -> Secret | None:
        """Where to reach PostgreSQL itself."""
        return self.direct_url or self.url


class RedisSettings(Struct, frozen=True, kw_only=True, rename=_named({"url": "REDIS_URL"})):
    """Redis or Valkey."""

    url: Annotated[
        Secret | None,
        Meta(description="`redis://…` (Redis 7 or Valkey 8 or newer). Unset: an embedded Valkey 9 is started."),
    ] = None
    redis_timeout: Annotated[
        int, Meta(ge=10, le=10_000, description="Milliseconds that Redis gets to answer; then we do without it.")
    ] = 100
    instances: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Instances of the API. With the workers of each, the processes that share the database's "
            "connections, and the rate limits while Redis is away and each counts alone.",
        ),
    ] = 1


class AuthSettings(Struct, frozen=True, kw_only=True, rename=_named({"jwt_secret": "JWT_SECRET"})):
    """Tokens, sessions and passwords."""

    jwt_secret: Annotated[
        Secret | None,
        Meta(
            description="Signs tokens, at least 32 bytes. Unset: made at the first start and kept in the data folder."
        ),
    ] = None
    jwt_previous_secrets: Annotated[
        tuple[Secret, ...], Meta(description="Older secrets whose tokens are still accepted, comma-separated.")
    ] = ()
    session_idle_days: Annotated[Days, Meta(description="A session ends after so many days without a request.")] = 7
    session_absolute_days: Annotated[Days, Meta(description="A session ends so many days after log-in.")] = 30
    argon2_memory_kib: Annotated[
        int, Meta(ge=19_456, le=1_048_576, description="argon2id memory in KiB (OWASP's minimum is the default).")
    ] = 19_456
    argon2_iterations: Annotated[int, Meta(ge=2, le=20, description="argon2id iterations.")] = 2
    password_threads: Annotated[
        int, Meta(ge=1, le=64, description="Threads that hash passwords; one core each while they work.")
    ] = 2
    password_queue: Annotated[
        Count, Meta(description="Log-ins and registrations that may wait for such a thread; beyond: 503.")
    ] = 64


class LimitSettings(Struct, frozen=True, kw_only=True, rename=_named({})):
    """How often someone may try."""

    rate_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Requests a minute per user, of all kinds together. `0` switches every limit off, also those "
            "of log-in and registration.",
        ),
    ] = 100
    rate_limit_batch: Annotated[
        PerMinute, Meta(description="Batches a minute per user, besides the limit above. `0`: no limit of their own.")
    ] = 20
    rate_limit_admin: Annotated[
        PerMinute,
        Meta(description="Requests to `/api/users` a minute per administrator, besides the limit above. `0`: none."),
    ] = 60
    rate_limit_login: Annotated[
        PerMinute, Meta(description="Log-ins a minute from one address, right or wrong. `0`: no such limit.")
    ] = 60
    rate_limit_register: Annotated[
        PerMinute, Meta(description="Requests to register a minute from one address. `0`: no such limit.")
    ] = 30
    rate_limit_exempt: Annotated[
        tuple[str, ...],
        Meta(description="User ids, and networks (CIDR), that the limits above do not count, comma-separated."),
    ] = ()
    login_per_account: Annotated[
        Count, Meta(description="Failed log-ins per quarter of an hour for one account from one unknown address.")
    ] = 10
    login_per_address: Annotated[
        Count, Meta(description="Failed log-ins per quarter of an hour from one address, whatever the account.")
    ] = 50
    register_per_address: Annotated[Count, Meta(description="Registrations per hour from one address.")] = 20


class CacheSettings(Struct, frozen=True, kw_only=True, rename=_named({})):
    """Answers that are kept."""

    cache_memory_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=65_536,
            description="MiB of answers that a process keeps in its own memory; what leads to them comes on "
            "top. `0`: none; those in Redis remain.",
        ),
    ] = 64


class TaskSettings(Struct, frozen=True, kw_only=True, rename=_named({})):
    """Retention."""

    trash_days: Annotated[Days, Meta(description="Days that a deleted task stays in the trash.")] = 30
    idempotency_hours: Annotated[
        int, Meta(ge=1, le=720, description="Hours that an answer is kept under its Idempotency-Key.")
    ] = 24
    outbox_days: Annotated[Days, Meta(description="Days that an event is kept in the outbox.")] = 7
    jobs: Annotated[
        bool, Meta(description="Run background jobs inside the server (`false` where `task-api worker` runs them).")
    ] = True


class EmbeddedSettings(Struct, frozen=True, kw_only=True, rename=_named({})):
    """The servers that the program starts itself when no URL names others."""

    data_dir: Annotated[
        Path | None,
        Meta(
            description="Folder of the embedded servers' data and of the generated secret. Unset: "
            "`$XDG_DATA_HOME/task-api`, else `~/.local/share/task-api`; for root `/var/lib/task-api`."
        ),
    ] = None
    embedded_user: Annotated[
        str, Meta(description="System user that runs the embedded servers when the program is started by root.")
    ] = "nobody"


Level = Literal["debug", "info", "warning", "error"]


class LogSettings(Struct, frozen=True, kw_only=True, rename=_named({"level": "LOG_LEVEL"})):
    """Logs on standard output."""

    level: Annotated[Level, Meta(description="Least severe level that is written.")] = "info"
    log_format: Annotated[
        Literal["auto", "json", "pretty"], Meta(description="`auto`: pretty on a terminal, JSON elsewhere.")
    ] = "auto"
    log_sample: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Per cent of the access lines of successful requests that are written; those of errors and of "
            "requests that took a second always are.",
        ),
    ] = 100


class MetricSettings(Struct, frozen=True, kw_only=True, rename=_named({})):
    """Metrics, for Prometheus and its like."""

    metrics_host: Annotated[str, Meta(description="Address of `/metrics`, which nobody outside should reach.")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[int, Meta(ge=0, le=65535, description="Port of `/metrics`. `0`: there is none.")] = 9464


class Settings(Struct, frozen=True, kw_only=True):
    """All rooms' settings."""

    server: ServerSettings = field(default_factory=ServerSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    tasks: TaskSettings = field(default_factory=TaskSettings)
    embedded: EmbeddedSettings = field(default_factory=EmbeddedSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    metrics: MetricSettings = field(default_factory=MetricSettings)

    @property
    def processes(self) -> int:
        """How many processes answer requests, in all instances."""
        return self.redis.instances * self.server.workers
