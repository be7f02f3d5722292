"""What is measured in several processes is added up and written as it was, in every format that a scraper asks for."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from taskapi.cli.metrics import MOST_CONNECTIONS, exposed
from taskapi.config import MetricSettings
from taskapi.kit import inspection
from taskapi.kit.metrics import Distribution, Instruments, Kind, Reading, instruments
from taskapi.kit.metrics.exposition import expose
from taskapi.kit.metrics.families import Snapshot, merged, what_lasts
from tests.system.launch import free_port

TAKEN = [0.000001, 0.000244140625, 0.00025, 0.0003, 0.25, 0.2500001, 5.0, 100.0]
"""Seconds; two of them lie on the end of a bucket."""

IPV6 = pytest.mark.skipif(
    not any(each.address == "::1" for card in psutil.net_if_addrs().values() for each in card),
    reason="this machine has no IPv6",
)

PROTOCOL = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
Message = dict[int, list[Any]]


def measured(*seconds: float, label: str = "read") -> Snapshot:
    """What a process measured that took so long for things."""
    durations = Distribution("duration_seconds", "How long.", ("kind",))
    for each in seconds:
        durations.add(each, (label,))
    shown = Instruments()
    shown.add(durations, Reading("done", "How many.", lambda: len(seconds), kind=Kind.COUNTER))
    shown.add(Reading("oldest_seconds", "Since when.", lambda: 7.0, kind=Kind.LEAST))
    return shown.snapshot()


def number(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint; returns it and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data: bytes) -> Message:
    """Read a message of protocol buffers: the values of each field."""
    found: Message = {}
    at = 0
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 0:
            value: Any
            value, at = number(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack("<d", data[at : at + 8])[0], at + 8
        else:
            length, at = number(data, at)
            value, at = data[at : at + length], at + length
        found.setdefault(key >> 3, []).append(value)
    return found


def numbers(data: bytes) -> Iterator[int]:
    """Read packed signed varints."""
    at = 0
    while at < len(data):
        value, at = number(data, at)
        yield signed(value)


def signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def families(data: bytes) -> dict[str, Message]:
    """Read the delimited families, by name."""
    found, at = {}, 0
    while at < len(data):
        length, at = number(data, at)
        family = fields(data[at : at + length])
        found[family[1][0].decode()] = family
        at += length
    return found


def native_counts(histogram: Message) -> dict[int, int]:
    """Return how many values each native bucket holds, by its number; its end is 2 ** (number / 8)."""
    spans = [fields(span) for span in histogram[12]]
    deltas = numbers(histogram[13][0])
    found, index, count = {}, 0, 0
    for span in spans:
        index += signed(span[1][0])
        for _ in range(span[2][0]):
            count += next(deltas)
            found[index] = count
            index += 1
    assert next(deltas, None) is None
    return found


def test_a_native_histogram_has_every_value_in_the_bucket_where_it_belongs() -> None:
    body, kind = expose(measured(*TAKEN), PROTOCOL)
    assert kind == PROTOCOL
    metric = fields(families(body)["duration_seconds"][4][0])
    assert [part.decode() for part in fields(metric[1][0])[1] + fields(metric[1][0])[2]] == ["kind", "read"]
    histogram = fields(metric[7][0])
    assert (histogram[1], histogram[2][0]) == ([len(TAKEN)], pytest.approx(sum(TAKEN)))
    assert signed(histogram[5][0]) == 3, "eight buckets to each doubling"
    assert histogram[7] == [sum(each <= histogram[6][0] for each in TAKEN)], "what is too short to tell apart"
    ends = {index: 2 ** (index / 8) for index in native_counts(histogram)}
    for index, count in native_counts(histogram).items():
        within = [each for each in TAKEN if ends[index] / 2 ** (1 / 8) < each <= ends[index]]
        if ends[index] <= instruments.BOUNDS[-1]:
            assert len(within) == count
    assert sum(native_counts(histogram).values()) + histogram[7][0] == len(TAKEN)


def test_the_classic_buckets_are_the_same_in_both_formats_and_right() -> None:
    snapshot = measured(*TAKEN)
    metric = fields(families(expose(snapshot, PROTOCOL)[0])["duration_seconds"][4][0])
    native = [(fields(it)[2][0], fields(it)[1][0]) for it in fields(metric[7][0])[3]]
    text = expose(snapshot, "text/plain")[0].decode()
    samples = [it for family in text_string_to_metric_families(text) for it in family.samples]
    classic = [(float(it.labels["le"]), it.value) for it in samples if it.name == "duration_seconds_bucket"]
    assert native == classic == [(end, sum(each <= end for each in TAKEN)) for end, _ in classic]


def test_a_histogram_without_a_value_is_a_native_one_all_the_same() -> None:
    empty = Instruments()
    empty.add(Distribution("duration_seconds", "How long."))
    metric = fields(families(expose(empty.snapshot(), PROTOCOL)[0])["duration_seconds"][4][0])
    assert [fields(span) for span in fields(metric[7][0])[12]] == [{1: [0], 2: [0]}]


def test_counters_are_named_as_in_the_text() -> None:
    found = families(expose(measured(1.0), PROTOCOL)[0])
    assert [fields(metric)[3] for metric in found["done_total"][4]] == [[b"\x09" + struct.pack("<d", 1)]]


def test_processes_are_added_up_each_metric_in_its_way() -> None:
    one, other = measured(0.1, 0.2), measured(0.1, label="write")
    done, durations, oldest = sorted(merged([one, other]), key=lambda family: family.name)
    assert done.values == {(): 3}
    assert {labels: histogram.count for labels, histogram in durations.histograms.items()} == {
        ("read",): 2,
        ("write",): 1,
    }
    assert oldest.values == {(): 7}
    assert [family.name for family in what_lasts(one)] == ["duration_seconds", "done"]


def test_labels_without_a_bound_end_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "MOST_SERIES", 3)
    durations = Distribution("duration_seconds", "How long.", ("kind",))
    for each in range(10):
        durations.add(1.0, (str(each),))
    found = durations.family().histograms
    assert {labels: histogram.count for labels, histogram in found.items()} == {
        ("0",): 1,
        ("1",): 1,
        ("2",): 1,
        ("other",): 7,
    }


def test_two_metrics_of_one_name_are_a_mistake() -> None:
    shown = Instruments()
    shown.add(Distribution("duration_seconds", "How long."))
    with pytest.raises(ValueError, match="two metrics are called duration_seconds"):
        shown.add(Distribution("duration_seconds", "How long."))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        pytest.param("::1", "[::1]", marks=IPV6),
        pytest.param("::", "[::1]", marks=IPV6),
    ],
)
def test_they_are_read_at_addresses_of_either_kind(host: str, address: str) -> None:
    settings = MetricSettings(metrics_host=host, metrics_port=free_port())
    with exposed(settings, lambda: measured(1.0)):
        assert httpx.get(f"http://{address}:{settings.metrics_port}/metrics", timeout=10).status_code == 200


def test_a_host_without_an_address_keeps_nobody_from_serving(capsys: pytest.CaptureFixture[str]) -> None:
    with exposed(MetricSettings(metrics_host="nowhere.invalid"), lambda: measured(1.0)):
        assert "Metrics cannot be read: port 9464 on nowhere.invalid: " in capsys.readouterr().err


def test_connections_beyond_the_bound_are_closed_and_scrapes_are_answered_again() -> None:
    settings = MetricSettings(metrics_port=free_port())
    url = f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"
    with exposed(settings, lambda: measured(1.0)):
        idle = [
            socket.create_connection((settings.metrics_host, settings.metrics_port), timeout=10)
            for _ in range(MOST_CONNECTIONS + 20)
        ]
        assert idle[-1].recv(1) == b"", "it is closed"
        idle[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            idle[0].recv(1)  # while the first ones may still ask
        for connection in idle:
            connection.close()
        assert httpx.get(url, timeout=10).status_code == 200


def test_a_folder_of_somebody_elses_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = inspection.make_folder(3000)
    assert made.stat().st_mode & 0o777 == 0o700
    made.parent.chmod(0o755)
    with pytest.raises(inspection.Refused, match="not a folder of this user's alone"):
        inspection.make_folder(3000)


def test_two_programs_on_one_port_have_a_folder_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    living, dead = os.getppid(), 2**22 + 1
    mine = inspection.make_folder(3000)
    others = [mine.with_name(f"3000-{pid}") for pid in (living, dead)]
    for folder in others:
        folder.mkdir(mode=0o700)
        (folder / "1.socket").touch()
    assert inspection.make_folder(3000) == mine
    assert [folder.exists() for folder in others] == [True, False]
