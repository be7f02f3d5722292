"""Drives wrk, a load generator of Debian, and reads what it reports. Refuses figures from failed requests."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
SCRIPT = """
local paths, bodies, n = {paths}, {bodies}, {start}
request = function()
  n = n + 1
  local body = bodies[n % #bodies + 1]
  if body then body = body:gsub("__N__", tostring(n)) end
  local headers = {headers}
  {keyed}
  local path = paths[n % #paths + 1]:gsub("__N__", tostring(n))
  return wrk.format("{method}", path, headers, body)
end
"""
FIXED = """
local paths, prepared, n = {paths}, {{}}, {start}
init = function(args)
  for number, path in ipairs(paths) do prepared[number] = wrk.format("{method}", path, {headers}) end
end
request = function()
  n = n + 1
  return prepared[n % #prepared + 1]
end
"""
"""Requests that never vary are written beforehand: whoever makes them shares a processor with Valkey."""

PAUSE = "delay = function() return math.random(0, {longest}) end\n"


class Shape(msgspec.Struct, kw_only=True):
    """One kind of request. `__N__` in a path or a body becomes a number that never repeats."""

    name: str
    method: str = "GET"
    paths: Sequence[str] = ()
    headers: dict[str, str] = {}
    bodies: Sequence[str] = ()
    keyed: bool = False
    connections: int = 16
    pause: float = 0.0
    """Milliseconds that each connection waits between an answer and its next request, on average; zero: it does not."""
    script: str | None = None
    """wrk's whole script, for what is no such request over and over; `{start}` becomes the first number."""


class Report(msgspec.Struct):
    """What wrk saw."""

    requests: int
    per_second: float
    p50: float
    p99: float


class LoadFailed(Exception):
    """Requests failed, so their speed means nothing."""


def require_wrk() -> str:
    """Return the path of wrk, or say how to get it."""
    found = shutil.which("wrk")
    if found is None:
        raise LoadFailed("`wrk` is missing; it generates the load. On Debian: apt-get install wrk")
    return found


def drive(base_url: str, shape: Shape, seconds: int, cpu: int, start: int) -> Report:
    """Send requests of one shape for some seconds from one CPU; numbers in bodies begin at `start`."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "shape.lua"
        script.write_text(_script(shape, start))
        command = ["taskset", "-c", str(cpu), require_wrk(), "-t1", f"-c{shape.connections}", f"-d{seconds}s"]
        command += ["--latency", "--timeout", "10s", "-s", str(script), base_url]
        output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    try:
        return _read(output)
    except LoadFailed as error:
        raise LoadFailed(f"{shape.name}: {error}") from None


def _script(shape: Shape, start: int) -> str:
    if shape.script is not None:
        return shape.script.format(start=start)
    keyed = 'headers["Idempotency-Key"] = "bench-" .. tostring(n)' if shape.keyed else ""
    pause = PAUSE.format(longest=round(2 * shape.pause)) if shape.pause else ""
    varies = shape.keyed or shape.bodies or any("__N__" in path for path in shape.paths)
    return pause + (SCRIPT if varies else FIXED).format(
        paths=_table(shape.paths),
        bodies=_table(shape.bodies),
        headers="{" + ", ".join(f'["{name}"] = [[{value}]]' for name, value in shape.headers.items()) + "}",
        method=shape.method,
        keyed=keyed,
        start=start,
    )


def _table(items: Sequence[str]) -> str:
    return "{" + ", ".join(f"[[{item}]]" for item in items) + "}"


def _read(output: str) -> Report:
    failed = re.search(r"(Non-2xx or 3xx responses: \d+|Socket errors: .*)", output)
    if failed:
        raise LoadFailed(failed.group(1))
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if requests is None or rate is None:
        raise LoadFailed(output)
    return Report(int(requests.group(1)), float(rate.group(1)), _percentile(output, "50"), _percentile(output, "99"))


def _percentile(output: str, percent: str) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", output, re.MULTILINE)
    if found is None:
        raise LoadFailed(output)
    return round(float(found.group(1)) * UNITS[found.group(2)], 3)
