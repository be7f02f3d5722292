"""Prometheus itself: its reader of files, and a process that scrapes."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml

from monitoring.files import HERE
from tests.programs import program
from tests.system.launch import free_port
from tests.waiting import eventually

CONFIGURATION = HERE / "prometheus.yml"
NATIVE_SINCE = (3, 8)
NATIVE = ("scrape_native_histograms", "always_scrape_classic_histograms")
"""Settings that older releases do not know; Debian's has version 2."""

SCRAPE_SECONDS = 2
START_SECONDS = 20


@cache
def release() -> tuple[int, int]:
    """Return the installed version."""
    said = subprocess.run([program("promtool"), "--version"], capture_output=True, text=True, check=True, timeout=20)
    found = re.search(r"version (\d+)\.(\d+)", said.stdout + said.stderr)
    assert found is not None, said
    return int(found[1]), int(found[2])


def promtool(*words: str | Path) -> str:
    """Run it; fails with what it says."""
    done = subprocess.run(
        [program("promtool"), *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def configured(folder: Path, targets: Sequence[str] = (), seconds: int = SCRAPE_SECONDS) -> Path:
    """Write the configuration as the installed release reads it; `targets` take the place of a name server's."""
    tree = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    (job,) = tree["scrape_configs"]
    if release() < NATIVE_SINCE:
        for name in NATIVE:
            del job[name]
    if targets:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": list(targets)}]
        often = f"{seconds}s"
        tree["global"] = {"scrape_interval": often, "scrape_timeout": often, "evaluation_interval": often}
    tree["rule_files"] = [str(HERE / name) for name in tree["rule_files"]]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


class Prometheus:
    """A process that scrapes and evaluates."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=20)

    def is_ready(self) -> bool:
        """Whether it answers questions."""
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def values(self, expr: str) -> list[float]:
        """Return the values of an expression now; fails where it is none."""
        return [value for _, value in self.series(expr)]

    def series(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Return the same, each value with its labels."""
        answer = self._client.post("/api/v1/query", data={"query": expr})
        assert answer.status_code == 200, f"{expr}: {answer.text}"
        return [(found["metric"], float(found["value"][1])) for found in answer.json()["data"]["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules, with how they are."""
        found = self._client.get("/api/v1/rules").raise_for_status().json()["data"]["groups"]
        return [rule for group in found for rule in group["rules"]]

    def state(self, alert: str) -> str:
        """Return whether an alert is `inactive`, `pending` or `firing`."""
        return next(str(rule["state"]) for rule in self.rules() if rule["name"] == alert)


@contextmanager
def scraping(
    folder: Path, targets: Sequence[str], *features: str, seconds: int = SCRAPE_SECONDS
) -> Iterator[Prometheus]:
    """Run Prometheus for the length of the block, with experimental features of its version 2."""
    address = f"127.0.0.1:{free_port()}"
    options = {
        "config.file": configured(folder, targets, seconds),
        "storage.tsdb.path": folder / "data",
        "web.listen-address": address,
        "log.level": "warn",
    }
    switches = [f"--{name}={value}" for name, value in options.items()]
    command = [program("prometheus"), *switches, *(f"--enable-feature={feature}" for feature in features)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        running = Prometheus(f"http://{address}")
        eventually(lambda: running.is_ready() or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, (folder / "log").read_text()
        yield running
    finally:
        process.terminate()
        process.wait(20)
