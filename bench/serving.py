"""Serves one application from a process of its own, pinned to one CPU or to none."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from bench.app import METER
from bench.load import LoadFailed


@contextmanager
def serving(target: str, environment: Mapping[str, str], cpu: int | None = None) -> Iterator[str]:
    """Serve an application as long as the block lasts; gives its address."""
    port = _free_port()
    command = [sys.executable, "-m", "bench.server", target, str(port), *([] if cpu is None else [str(cpu)])]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    base_url = f"http://127.0.0.1:{port}"
    try:
        _wait(base_url, process)
        yield base_url
    finally:
        process.terminate()
        process.wait(30)


def _wait(base_url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(base_url + METER)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise LoadFailed("the server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
