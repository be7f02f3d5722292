"""The names of statements. Each stands in its own, as a comment after the first word: `SELECT /* tasks.find */ …`.

So it is seen wherever the server shows a statement: in its log, in `pg_stat_activity`, in `pg_stat_statements`. That
last one leaves out what stands before the first word.
"""

from collections.abc import Iterable

UNNAMED = "unnamed"
REACH = 16
"""No first word of a statement is longer."""


def name_of(sql: str) -> str:
    """Return the name that a statement bears."""
    start = sql.find("/* ", 0, REACH)
    return UNNAMED if start < 0 else sql[start + 3 : sql.find(" */", start)]


def joint_name(statements: Iterable[str]) -> str:
    """Return the name of several statements that became one: theirs, each once."""
    return "+".join(dict.fromkeys(map(name_of, statements)))
