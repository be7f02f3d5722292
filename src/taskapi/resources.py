"""The opened rooms, handed to every use case. Frozen: nobody swaps a room while the house is in use."""

from dataclasses import dataclass

from taskapi.config import Settings
from taskapi.contracts.directory import Directory, SessionKeeper
from taskapi.gate.gate import Gate
from taskapi.kit.clock import Clock
from taskapi.kit.database import Database, LoneConnection
from taskapi.kit.passwords import Passwords
from taskapi.kit.redis import Redis
from taskapi.kit.seals import Seals
from taskapi.kit.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """All rooms of one process."""

    settings: Settings
    clock: Clock
    database: Database
    lookout: LoneConnection
    """Looks whether PostgreSQL answers, also when requests hold the whole pool."""

    redis: Redis
    gate: Gate
    passwords: Passwords
    tokens: Tokens
    cursors: Seals
    fingerprints: Seals
    directory: Directory
    sessions: SessionKeeper
    refused_attempts: dict[str, int]
    """How often each limit of attempts refused one in this process; a plain number that only grows."""
