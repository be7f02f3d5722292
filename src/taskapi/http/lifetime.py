"""How long an answer stays right by itself, said by the handler that made it and heard by whoever keeps answers.

Most answers change only when somebody writes. One that also changes with the clock names the moment here; it never
leaves the house.
"""

from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, cast

RIGHT_UNTIL = "taskapi.right_until"


def set_right_until(scope: Any, moment: datetime | None) -> None:
    """Say that the answer to this request is right until `moment`, which is not included; None: for ever."""
    if moment is not None:
        cast(MutableMapping[str, Any], scope)[RIGHT_UNTIL] = moment


def right_until(scope: Any) -> datetime | None:
    """Return what the handler said, or None."""
    return cast(datetime | None, scope.get(RIGHT_UNTIL))
