"""The Lua scripts: read from their files once, called by their digest.

Parts that several scripts share stand in files of their own and are put in front; Redis knows no include.
"""

from hashlib import sha1
from importlib import resources
from typing import NamedTuple

FOLDER = resources.files("taskapi.gate") / "lua"


class Script(NamedTuple):
    """A script and the digest under which Redis keeps it."""

    text: bytes
    digest: bytes


def _read(*names: str) -> Script:
    text = "\n".join((FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in names).encode()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


ADMIT = _read("limits", "versions", "admit")
COUNT = _read("limits", "count")
BEGIN = _read("limits", "versions", "begin")
END = _read("limits", "versions", "end")
RELEASE = _read("limits", "release")
REFILL = _read("limits", "versions", "refill")

ALL = (ADMIT, COUNT, RELEASE, BEGIN, END, REFILL)
