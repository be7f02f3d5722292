import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Sql
from tests.deploy.balancer import Balancer, balancing, problems_of
from tests.deploy.strangers import dying, frozen, polite, slow, stranger, talkative
from tests.house import House
from tests.people import Client
from tests.programs import program
from tests.shape.source import ROOT
from tests.system.launch import free_port
from tests.waiting import eventually

EXAMPLES = ROOT / "nginx"
HARDENING = ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Content-Security-Policy")


def port_of(house: House) -> int:
    port = urlsplit(house.url).port
    assert port is not None
    return port


@pytest.fixture(scope="module")
def nginx(house: House) -> Iterator[Balancer]:
    """nginx before the house."""
    with balancing(port_of(house)) as running:
        yield running


@pytest.fixture
def visitor(nginx: Balancer) -> Iterator[Client]:
    """Somebody with an account who comes through nginx."""
    with Client(nginx.url) as client:
        assert client.register("ada").status_code == 201
        yield client.log_in()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for this machine and its key."""
    folder = tmp_path_factory.mktemp("certificates")
    command = [
        program("openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=30)
    (folder / "privkey.pem").chmod(0o644)
    return folder


def example(name: str) -> str:
    """Return one of the additions that nginx/ holds."""
    return (EXAMPLES / name).read_text(encoding="utf-8")


def with_tls(certificate: Path, port: int) -> str:
    return (
        example("tls.conf").replace("/etc/nginx/certificates", str(certificate)).replace("listen 443", f"listen {port}")
    )


def address_of_last_session(person: Client, sql: Sql) -> str:
    rows = sql("SELECT address FROM sessions WHERE user_id = $1::text::uuid ORDER BY id", person.id)
    return str(rows[-1]["address"])


def test_the_configuration_is_valid_as_it_is_deployed() -> None:
    assert problems_of() == ""


@pytest.mark.parametrize("name", ["in-front.conf", "proxy-protocol.conf"])
def test_each_addition_is_valid(name: str) -> None:
    assert problems_of(example(name)) == ""


def test_a_mistake_in_the_configuration_is_found() -> None:
    assert "unknown directive" in problems_of("lisen 81;")


def test_its_own_health_needs_no_instance() -> None:
    with balancing(free_port()) as alone:
        answer = httpx.get(f"{alone.url}/health")
    assert (answer.status_code, answer.text) == (200, "healthy\n")


def test_without_instances_the_answer_is_a_problem_document() -> None:
    with balancing(free_port()) as alone:
        answer = httpx.get(f"{alone.url}/api/tasks", headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    assert (answer.json()["code"], answer.json()["requestId"]) == ("unavailable", "abc-1")


def test_too_large_a_body_is_refused_in_the_words_of_the_api(visitor: Client) -> None:
    json = {"Content-Type": "application/json"}
    answers = [visitor.post("/api/tasks", content=b"x" * size, headers=json) for size in (1_100_000, 3_000_000)]
    assert [answer.status_code for answer in answers] == [413, 413]
    assert [answer.json()["detail"] for answer in answers] == ["The body is larger than 1 MiB."] * 2


def test_the_tag_of_a_compressed_task_can_be_used_to_change_it(visitor: Client) -> None:
    task = visitor.task(description="long " * 500)
    read = visitor.get(f"/api/tasks/{task['id']}")
    assert read.headers["Content-Encoding"] == "gzip"
    assert read.headers["ETag"] == 'W/"1"', "compression weakens it"
    changed = visitor.patch(
        f"/api/tasks/{task['id']}", json={"title": "New"}, headers={"If-Match": read.headers["ETag"]}
    )
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    stale = visitor.patch(f"/api/tasks/{task['id']}", json={"title": "Old"}, headers={"If-Match": read.headers["ETag"]})
    assert stale.status_code == 412


@pytest.mark.parametrize("path", ["/api/tasks", "/health", "/api/health"])
def test_every_answer_has_each_security_header_once(visitor: Client, path: str) -> None:
    headers = visitor.get(path).headers
    assert [len(headers.get_list(name)) for name in HARDENING] == [1] * len(HARDENING)
    assert "nginx/" not in headers["Server"]


def test_the_documentation_keeps_its_own_policy(visitor: Client, anonymous: Client) -> None:
    direct, through = anonymous.get("/docs"), visitor.get("/docs")
    assert through.headers["Content-Security-Policy"] == direct.headers["Content-Security-Policy"]


def test_answer_and_log_line_have_one_request_id(nginx: Balancer, visitor: Client) -> None:
    given = visitor.get("/api/tasks", headers={"X-Request-Id": "from-the-caller"})
    made = visitor.get("/api/tasks?q=secret")
    assert given.headers.get_list("X-Request-Id") == ["from-the-caller"]
    assert len(made.headers.get_list("X-Request-Id")) == 1
    eventually(lambda: f'"request_id":"{made.headers["X-Request-Id"]}"' in nginx.log)
    assert '"request_id":"from-the-caller"' in nginx.log
    assert "secret" not in nginx.log


def test_nobody_chooses_an_address_by_claiming_one(visitor: Client, sql: Sql) -> None:
    assert address_of_last_session(visitor, sql) == "127.0.0.1"


def test_a_configured_balancer_in_front_is_believed(house: House, sql: Sql) -> None:
    networks = example("in-front.conf").replace("192.0.2.0/24", "127.0.0.1/32")
    with balancing(port_of(house), additions=networks) as running, Client(running.url, "198.51.100.7") as person:
        person.register("ada")
        assert address_of_last_session(person.log_in(), sql) == "198.51.100.7"


def test_the_proxy_protocol_is_believed_from_a_configured_network(house: House) -> None:
    port = free_port()
    addition = example("proxy-protocol.conf").replace("192.0.2.0/24", "127.0.0.1/32")
    addition = addition.replace("listen 81", f"listen 127.0.0.1:{port}")
    with balancing(port_of(house), additions=addition) as running:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            raw.sendall(b"PROXY TCP4 198.51.100.9 127.0.0.1 4711 81\r\nGET /api/health HTTP/1.0\r\n\r\n")
            assert b" 200 " in raw.recv(4096)
        eventually(lambda: '"client":"198.51.100.9"' in running.log)


def test_tls_serves_and_sends_others_there(house: House, certificate: Path) -> None:
    port = free_port()
    trust = ssl.create_default_context(cafile=str(certificate / "fullchain.pem"))
    with balancing(port_of(house), additions=with_tls(certificate, port)) as running:
        safe = httpx.get(f"https://127.0.0.1:{port}/api/health", verify=trust)
        plain = httpx.get(f"{running.url}/api/health")
        health = httpx.get(f"{running.url}/health")
    assert safe.status_code == health.status_code == 200
    assert safe.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert (plain.status_code, plain.headers["Location"]) == (308, "https://127.0.0.1/api/health")


def test_no_read_waits_long_for_a_frozen_instance(house: House) -> None:
    with (
        stranger(frozen) as stopped,
        balancing(stopped.port, port_of(house)) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        answers = [client.get("/api/health/live") for _ in range(30)]
    assert {answer.status_code for answer in answers} == {200}
    waits = [answer.elapsed.total_seconds() for answer in answers]
    assert max(waits) < 10, "it was waited for"  # 1.5 s, and what a busy machine adds
    assert sum(wait > 1 for wait in waits) <= 1 + sum(waits) / 5, "it is left out for five seconds after each"
    assert stopped.requests, "it was asked"


def test_a_keyed_write_that_an_instance_lost_is_done_once_by_another(house: House, sql: Sql) -> None:
    with stranger(dying) as lost, balancing(lost.port, port_of(house)) as running, Client(running.url) as person:
        eventually(lambda: person.register("ada").status_code == 201)
        person.log_in()
        keyed = [
            person.post("/api/tasks", json={"title": "Once"}, headers={"Idempotency-Key": f"key-{number}"})
            for number in range(20)
        ]
    assert [answer.status_code for answer in keyed] == [201] * 20
    assert len(sql("SELECT 1 FROM tasks WHERE user_id = $1::text::uuid", person.id)) == 20


def test_a_keyed_write_that_takes_long_is_asked_for_twice_and_answered_once_it_is_done(house: House, sql: Sql) -> None:
    port = port_of(house)
    with balancing(port, port) as running, Client(running.url) as person, ThreadPoolExecutor() as pool:
        person.register("ada")
        person.log_in()
        sql("BEGIN")
        try:
            sql("LOCK TABLE tasks IN SHARE MODE")
            asked = pool.submit(person.post, "/api/tasks", json={"title": "Once"}, headers={"Idempotency-Key": "k"})
            eventually(lambda: house.app.awaiting.number == 1)
        finally:
            sql("ROLLBACK")
        answer = asked.result()
        assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (201, "true")
        assert len(sql("SELECT 1 FROM tasks WHERE user_id = $1::text::uuid", person.id)) == 1


def test_a_write_without_a_key_is_sent_once() -> None:
    with stranger(dying) as first, stranger(dying) as second, balancing(first.port, second.port) as running:
        answer = httpx.post(f"{running.url}/api/tasks", json={})
    assert answer.status_code == 503
    assert len(first.requests + second.requests) == 1


@pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("DELETE", {}), ("POST", {"Idempotency-Key": "k"})])
def test_what_may_be_repeated_is_sent_to_another_instance(method: str, headers: dict[str, str]) -> None:
    with stranger(dying) as lost, stranger(polite) as well, balancing(lost.port, well.port) as running:
        answers = [httpx.request(method, f"{running.url}/api/tasks/1", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert lost.requests


@pytest.mark.parametrize(
    ("method", "accept", "keyed", "manner"),
    [
        ("GET", "*/*", False, "repeatable"),
        ("GET", "text/html, application/json;q=0.9", False, "repeatable"),
        ("HEAD", "text/event-stream", False, "repeatable"),
        ("GET", "text/event-stream", False, "events"),
        ("GET", "application/json, Text/Event-Stream", True, "events"),
        ("POST", "application/json", False, "once"),
        ("PATCH", "text/event-stream", False, "once"),
        ("PATCH", "text/event-stream", True, "repeatable"),
    ],
)
def test_the_log_tells_how_a_request_is_treated(method: str, accept: str, manner: str, *, keyed: bool) -> None:
    headers = {"Accept": accept, **({"Idempotency-Key": "k"} if keyed else {})}
    with stranger(polite) as instance, balancing(instance.port) as running:
        httpx.request(method, f"{running.url}/api/tasks", headers=headers)
        line = json.loads(eventually(lambda: running.log))
    assert line["manner"] == manner


def test_what_takes_long_everywhere_gets_its_time() -> None:
    with stranger(slow(1.7)) as instance, balancing(instance.port) as running:
        answers = [httpx.get(running.url, timeout=15) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_an_event_arrives_before_the_stream_ends() -> None:
    with stranger(talkative) as instance, balancing(instance.port) as running:
        request = {"Accept": "text/event-stream"}
        with httpx.stream("GET", running.url, headers=request, timeout=5) as answer:
            assert next(answer.iter_raw()) == b"data: first\n\n"


def test_only_a_websocket_is_an_upgrade() -> None:
    with stranger(polite) as instance, balancing(instance.port) as running:
        for protocol in ("h2c", "websocket"):
            httpx.get(running.url, headers={"Upgrade": protocol, "Connection": "Upgrade"})
    smuggled, asked = instance.requests
    assert not re.search("upgrade", smuggled, re.IGNORECASE)
    assert "Upgrade: websocket" in asked
    assert "Connection: upgrade" in asked
