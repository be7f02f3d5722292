"""Counting one request against counters that do not all lie together: each subject's in a call of its own, one trip.

Redis cannot look at all of them first. Where one refuses, what the others counted is given back.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from taskapi.gate import keys, scripts
from taskapi.gate.admission import Counter, Verdict
from taskapi.gate.calls import Call, script_command
from taskapi.gate.nodes import Nodes
from taskapi.gate.rates import rate
from taskapi.gate.slots import slot_of


class Tally:
    """The counters of one request that lie elsewhere than its session."""

    def __init__(self, nodes: Nodes, counters: Sequence[Counter]) -> None:
        """Ask at once; raises Unreachable."""
        self._nodes = nodes
        by_subject: dict[str, list[Counter]] = defaultdict(list)
        for counter in counters:
            by_subject[counter.subject].append(counter)
        self._asked = [(group, _count_call(group)) for group in by_subject.values()]
        for _, call in self._asked:
            nodes.line(call.slot).ask(call)

    async def verdicts(self, own: tuple[Verdict, ...] = ()) -> tuple[Verdict, ...]:
        """Return `own` and what the limiter says elsewhere; raises Unreachable."""
        groups = [own]
        for counters, call in self._asked:
            assert call.future is not None
            groups.append(read_verdicts(counters, await call.future, 0))
        refusals = [refuses(group) for group in groups]
        if any(refusals):
            for group, is_refused in zip(groups, refusals, strict=True):
                if group and not is_refused:
                    self._release([verdict.counter for verdict in group])
        return tuple(verdict for group in groups for verdict in group)

    def _release(self, counters: Sequence[Counter]) -> None:
        names = _names(counters)
        intervals = [rate(counter.allowance)[0] for counter in counters]
        self._nodes.send(script_command(scripts.RELEASE, names, *intervals), names[0])


def refuses(verdicts: Sequence[Verdict]) -> bool:
    """Say whether one of them does."""
    for verdict in verdicts:  # noqa: SIM110 - with every request, and a generator costs more than the look
        if verdict.wait > 0:
            return True
    return False


def read_verdicts(counters: Sequence[Counter], reply: Any, at: int) -> tuple[Verdict, ...]:
    """Read what a script says of counters, from position `at` of its reply."""
    if len(counters) == 1:  # nearly always, and with every request
        return (Verdict(counters[0], reply[at], reply[at + 1], reply[at + 2]),)
    return tuple(Verdict(counter, *reply[at + 3 * n : at + 3 * n + 3]) for n, counter in enumerate(counters))


def _count_call(counters: Sequence[Counter]) -> Call:
    names = _names(counters)
    rates = [part for counter in counters for part in rate(counter.allowance)]
    command = script_command(scripts.COUNT, names, *rates)
    return Call(command, asyncio.get_running_loop().create_future(), slot_of(names[0]))


def _names(counters: Sequence[Counter]) -> tuple[bytes, ...]:
    return tuple(keys.limit(counter.subject, counter.allowance.name) for counter in counters)
