"""PostgreSQL: a bounded pool, connections that read, transactions that write, hooks around their commit, replicas."""

from taskapi.kit.database import position
from taskapi.kit.database.connection import ReadConnection, Record, Row
from taskapi.kit.database.deferral import Deferral, apart, deferred_commit
from taskapi.kit.database.lone import LoneConnection
from taskapi.kit.database.pool import Database
from taskapi.kit.database.replica import Report
from taskapi.kit.database.replicas import read_past
from taskapi.kit.database.transaction import Transaction

__all__ = [
    "Database",
    "Deferral",
    "LoneConnection",
    "ReadConnection",
    "Record",
    "Report",
    "Row",
    "Transaction",
    "apart",
    "deferred_commit",
    "position",
    "read_past",
]
