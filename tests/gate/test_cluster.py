"""Redis Cluster: a question finds its node, a slot that moves is followed, and the gate opens on all nodes together."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from taskapi.gate.slots import slot_of
from tests.gate.processes import Process, Somebody, running_process
from tests.gate.valkey import Valkey, free_port, running_valkey
from tests.kit.patience import until
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

SLOTS = 16384
OPTIONS = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Valkey]]:
    """Three primaries."""
    with ExitStack() as stack:
        buses = [str(free_port()) for _ in range(3)]
        found = [stack.enter_context(running_valkey(*OPTIONS, "--cluster-port", bus)) for bus in buses]
        for number, node in enumerate(found):
            node.run("CLUSTER", "MEET", "127.0.0.1", found[0].port, buses[0])
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.run("CLUSTER", "ADDSLOTSRANGE", first, last)
        eventually(lambda: all(_is_well(node) for node in found), 30)
        yield found
        for node in found:
            assert node.keys_without_end() == []


def _is_well(node: Valkey) -> bool:
    info = node.run("CLUSTER", "INFO")
    return b"cluster_state:ok" in _text(info) and b"cluster_known_nodes:3" in _text(info)


def _text(info: object) -> bytes:
    if isinstance(info, dict):
        return " ".join(f"{name}:{value}" for name, value in info.items()).encode()
    assert isinstance(info, bytes | str)
    return info if isinstance(info, bytes) else info.encode()


async def test_people_on_every_node_are_answered_and_written(database_url: str, nodes: list[Valkey]) -> None:
    async with running_process(database_url, nodes[0].url) as process:
        await process.serves()
        people = await _people_on_every_node(process)
        stamps = [await process.kept(each, b"the list") for each in people]
        for each, stamp in zip(people, stamps, strict=True):
            assert (await process.ask(each, held=stamp)).held_is_fresh
        async with process.rooms.database.transaction() as transaction:
            for each in people:
                transaction.touch(each.user_id, "tasks")
        for each, stamp in zip(people, stamps, strict=True):
            admission = await process.ask(each, held=stamp)
            assert not admission.held_is_fresh
            assert admission.stamp is not None
        assert process.gate.counts.fallbacks == 0


async def test_a_slot_that_moves_is_followed_and_nothing_of_before_is_served(
    database_url: str, nodes: list[Valkey]
) -> None:
    async with running_process(database_url, nodes[0].url) as process:
        await process.serves()
        ada = await process.register()
        stamp = await process.kept(ada, b"the list")
        slot = _slot(ada)
        source = nodes[_holder(nodes, slot)]
        target = nodes[(_holder(nodes, slot) + 1) % 3]
        _begin_to_move(slot, source, target)
        assert (await process.ask(ada, held=stamp)).principal is not None
        await process.write(ada)
        _move(slot, source, target, nodes)
        admission = await process.ask(ada, held=stamp)
        assert admission.principal is not None
        assert (admission.held_is_fresh, admission.body) == (False, None)
        await process.write(ada)
        await process.serves()
        await until(lambda: _trusts(process, ada), 30)
        assert target.client.exists(f"versions:{{{ada.user_id}}}")


async def _people_on_every_node(process: Process) -> list[Somebody]:
    people: list[Somebody] = []
    while len({_slot(each) * 3 // SLOTS for each in people}) < 3:
        people.append(await process.register())
    return people


def _slot(somebody: Somebody) -> int:
    return slot_of(f"versions:{{{somebody.user_id}}}".encode())


def _holder(nodes: list[Valkey], slot: int) -> int:
    for number, node in enumerate(nodes):
        for first, last, primary, *_ in node.run("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return [each.port for each in nodes].index(primary[1])
        assert number < 3
    raise AssertionError(f"nobody holds {slot}")


def _id(node: Valkey) -> str:
    name = node.run("CLUSTER", "MYID")
    return name.decode() if isinstance(name, bytes) else str(name)


def _begin_to_move(slot: int, source: Valkey, target: Valkey) -> None:
    target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", _id(source))
    source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", _id(target))


def _move(slot: int, source: Valkey, target: Valkey, nodes: list[Valkey]) -> None:
    while keys := source.run("CLUSTER", "GETKEYSINSLOT", slot, 100):
        source.run("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for node in (target, source, *nodes):
        node.run("CLUSTER", "SETSLOT", slot, "NODE", _id(target))


async def _trusts(process: Process, somebody: Somebody) -> bool:
    return (await process.ask(somebody)).stamp is not None
