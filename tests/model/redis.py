"""The scripts of the gate as pure functions on one server's state, each one atomic as in Redis."""

from tests.model.rules import Rules
from tests.model.states import ENTRY, NOTHING, NOWHERE, PRIMARY, Kept, Server, Versions, changed

CONSTANT = 1


def admit(versions: Versions, token: int, rules: Rules) -> Versions:
    """Return the hash with a floor: `token`, if it had none. Such a floor is young."""
    if versions.floor:
        return versions
    if not rules.floors_never_repeat:
        return versions._replace(floor=CONSTANT)
    return versions._replace(floor=token, young=rules.floor_counts_as_write)


def version(versions: Versions, field: int) -> int:
    """Return the current version of a field: its own or, if it never changed, the floor."""
    return versions.fields[field] or versions.floor


def write_under_way(versions: Versions, rules: Rules) -> bool:
    """Tell whether a transaction may be open: by its entry, or because the floor is too young to know."""
    return rules.nothing_kept_during_writes and (versions.young or ENTRY in versions.writes)


def begin(server: Server, writer: int, fields: tuple[int, ...], token: int, rules: Rules) -> Server:
    """Enter the write and give each of its fields a new version; make a floor, a young one, if there is none.

    Comes before COMMIT. Uses one token for the floor and one for each field.
    """
    hash_ = admit(server.versions, token, rules)
    renewed = _renewed(hash_.fields, fields, token + 1)
    return server._replace(versions=hash_._replace(writes=changed(hash_.writes, writer, ENTRY), fields=renewed))


def end(server: Server, writer: int, fields: tuple[int, ...], token: int, rules: Rules) -> Server:
    """Remove the entry and give the fields new versions, whether or not the entry is there. Comes after COMMIT."""
    hash_ = server.versions
    hash_ = hash_._replace(writes=changed(hash_.writes, writer, 0))
    if rules.end_gives_versions:
        hash_ = hash_._replace(fields=_renewed(hash_.fields, fields, token))
    return server._replace(versions=hash_)


def announce(server: Server, fields: tuple[int, ...], token: int, lsn: int, rules: Rules) -> Server:
    """Give fields new versions and raise the LSN, not knowing whose they are: the entry stays."""
    hash_ = server.versions
    filed = max(lsn, hash_.filed) if rules.filed_lsn_only_rises else lsn
    return server._replace(versions=hash_._replace(fields=_renewed(hash_.fields, fields, token), filed=filed))


def without_lsn(versions: Versions) -> Versions:
    """Forget how far a replica has to be: something was committed, and nobody knows where."""
    return versions._replace(filed=0, usable_at=NOWHERE)


def file_lsn(
    before: Versions, after: Versions, writer: int, lsn: int, place: int, begun: int, rules: Rules
) -> Versions:
    """Raise the LSN that a replica needs to `lsn`.

    It covers every write if this one was begun in this epoch (`begun`), when floor and generation were grown, its entry
    is still there, and nothing was forgotten since: whatever has no entry here was then committed before this one.
    """
    if rules.filed_lsn_only_rises:
        lsn = max(lsn, before.filed)
    entered = before.writes[writer] != 0 and begun == place
    usable = entered or not rules.only_entered_writes_file
    return after._replace(filed=lsn, usable_at=place if usable else before.usable_at)


def replica_needs(versions: Versions, place: int, rules: Rules) -> int:
    """Return the LSN from which on a replica may answer a miss, or PRIMARY."""
    if not rules.replica_needs_lsn:
        return 0
    known = versions.usable_at == place and not versions.young
    return versions.filed if known and ENTRY not in versions.writes else PRIMARY


def evict_hash(server: Server) -> Server:
    """Lose the hash: versions, floor, entries and LSN."""
    hash_ = server.versions
    return server._replace(versions=Versions((0,) * len(hash_.fields), 0, False, (0,) * len(hash_.writes)))


def flush(server: Server) -> Server:
    """Lose everything."""
    return evict_hash(server)._replace(bodies=(NOTHING,) * len(server.bodies))


def replace_hash(server: Server, token: int, rules: Rules) -> Server:
    """Replace a hash over its bound by one with a new floor and the same entries; the floor keeps its age."""
    hash_ = server.versions
    writes = hash_.writes if rules.replacement_keeps_entries else (0,) * len(hash_.writes)
    return server._replace(versions=Versions((0,) * len(hash_.fields), token, hash_.young, writes))


def store(server: Server, field: int, kept: Kept) -> Server:
    """Keep a body or the copy of a session."""
    return server._replace(bodies=changed(server.bodies, field, kept))


def _renewed(versions: tuple[int, ...], fields: tuple[int, ...], token: int) -> tuple[int, ...]:
    return tuple(token + fields.index(field) if field in fields else current for field, current in enumerate(versions))
