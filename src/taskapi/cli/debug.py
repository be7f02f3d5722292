"""`task-api debug`: the inside of a running server, for whoever may administer it."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from taskapi.cli.asking import Port, ask_everybody, printable
from taskapi.kit.debugging import Report

MEBIBYTE = 1024 * 1024
KIBIBYTE = 1024


def debug(
    as_json: Annotated[bool, typer.Option("--json", help="Print an array with an object for each process.")] = False,
    port: Port = None,
) -> None:
    """Show which SQL was slowest in a running server, what held it up, what it holds and what its tasks wait for.

    Only the user who runs the server can ask it, and root.
    """
    reports = [*ask_everybody(port, {"ask": "debug"}, Report).values()]
    if as_json:
        typer.echo(printable(msgspec.json.format(msgspec.json.encode(reports)).decode()))
    else:
        typer.echo("\n\n".join(printable("\n".join(_lines(report))) for report in reports))


def _lines(report: Report) -> Iterator[str]:
    yield f"process {report.process}: {report.resident_bytes // MEBIBYTE} MiB, {report.requests} requests in progress"
    yield from _statements(report)
    yield from _stalls(report)
    yield "  memory by type"
    for memory in report.memory:
        yield f"    {memory.bytes // KIBIBYTE:>9,} KiB {memory.objects:>9,} {memory.type}"
    yield "  tasks and where they wait"
    for waiting in report.tasks:
        yield f"    {waiting.tasks:>5,} {waiting.function} at {waiting.place}"


def _statements(report: Report) -> Iterator[str]:
    yield "  slowest statements"
    for statement in report.statements:
        yield f"    {statement.seconds:.3f} s, {statement.times} times: {statement.name}"


def _stalls(report: Report) -> Iterator[str]:
    if not report.stalls:
        yield "  the event loop was never held up"
        return
    yield "  when the event loop was held up, and by what, the latest first"
    for stall in report.stalls:
        yield f"    {stall.began:%Y-%m-%d %H:%M:%S} UTC, {stall.seconds:.3f} s"
        for place in stall.stack:
            yield f"      {place}"
