"""Traces are made only where somebody wants them, and nothing of anybody's is in a name."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from taskapi.kit import tracing
from taskapi.kit.tracing import active, configure_traces, spanned, statement_name, use
from tests.kit.log_lines import logged

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
LIBRARY = "opentelemetry"


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """Nothing is traced, before and afterwards."""
    assert active() is None
    yield
    use(None)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("/* tasks.page */ SELECT 1", "tasks.page"),
        ("\n  /*tasks.page*/\nSELECT 1", "tasks.page"),
        ("SELECT /* tasks.find */ 1", "tasks.find"),
        ("WITH /* outbox.insert+tasks.insert */ part AS (SELECT 1) SELECT 2", "outbox.insert+tasks.insert"),
        ("BEGIN /* request 0af7651916cd43dd8448eb211c80319c */", "BEGIN"),
        ("\n    with found as (SELECT 1) SELECT 2", "WITH"),
        ("BEGIN; SET LOCAL lock_timeout = '3s'", "BEGIN"),
        ("/* a sentence about somebody */ SELECT 1", "SQL"),
        ("(SELECT 1)", "SQL"),
        ("", "SQL"),
    ],
)
def test_a_statement_is_called_by_its_comment_or_its_first_word(sql: str, name: str) -> None:
    assert statement_name(sql) == name


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_TRACES_SAMPLER": "always_on"},
        ENDPOINT | {"OTEL_SDK_DISABLED": "true"},
        ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_nothing_is_traced_unless_the_environment_names_a_collector(environ: dict[str, str]) -> None:
    configure_traces("1", environ)
    assert active() is None


@pytest.mark.parametrize("name", tracing.ENDPOINTS)
def test_a_collector_is_enough(name: str) -> None:
    configure_traces("1", {name: "http://127.0.0.1:1"})
    tracer = active()
    assert tracer is not None
    tracer.close()


def test_who_wants_traces_without_the_extra_is_told_and_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "taskapi.kit.otel", raising=False)
    monkeypatch.setitem(sys.modules, LIBRARY, None)
    with logged() as lines:
        configure_traces("1", ENDPOINT)
    assert active() is None
    (entry,) = lines.entries
    assert (entry["level"], "task-api[otel]" in entry["event"]) == ("warning", True)
    assert entry["missing"].startswith(LIBRARY)


def test_a_header_for_the_collector_that_cannot_be_read_is_complained_of_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "a-private-key")
    with logged() as lines:
        configure_traces("1", ENDPOINT)
    tracer = active()
    assert tracer is not None
    tracer.close()
    (entry,) = [entry for entry in lines.entries if "Header format invalid" in entry["event"]]
    assert entry["level"] == "warning"
    assert "a-private-key" not in lines.text


def test_a_program_that_traces_nothing_needs_nothing_for_it() -> None:
    code = (
        f"import sys; sys.modules[{LIBRARY!r}] = None; import taskapi.__main__, taskapi.app;"
        "sys.exit('taskapi.kit.otel' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_not_traced_is_left_as_it_is() -> None:
    async def work() -> None:
        """Do nothing."""

    assert spanned("name", work) is work
