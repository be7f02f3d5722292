"""What tests make up for people – passwords, tokens, addresses, texts – and whether any of it is where all may look.

Looked through are the logs and metrics of every program that tests start, the metrics of the house after all tests of a
process, and every span that a test sees.
"""

import re
from collections.abc import Iterator

SHORTEST = 12
"""A shorter text may stand in a line by chance."""

KINDS = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]+"),
    "a token": re.compile(r"eyJ[\w-]{10,}\.[\w-]+"),
}
_known = {"correct horse battery"}


def keep_private(*texts: str) -> None:
    """Remember texts that no log may hold from now on."""
    _known.update(text for text in texts if len(text) >= SHORTEST)


def found_in(log: str) -> Iterator[str]:
    """Yield what a log holds that it must not, by kind or word for word."""
    for name, kind in KINDS.items():
        for match in kind.finditer(log):
            yield f"{name}: {match[0]}"
    for text in _known:
        if text in log:
            yield f"a text of somebody's: {text}"


def assert_private(text: str, what: str = "the log") -> None:
    """Fail if a text that `what` names holds anything that is private."""
    found = sorted(found_in(text))
    assert not found, f"{what} holds {found[:5]}"
