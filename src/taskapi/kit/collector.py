"""Python's collector of reference cycles, set up for a server: few objects of a request form cycles, and many live on.

By default the collector looks through everything young after every 700 new objects, which a few dozen requests make. It
must never be switched off: libraries do make cycles, and they would stay.
"""

import gc

NEW_OBJECTS = 10_000
YOUNG, MIDDLE = 20, 50
"""How many collections of one generation come before one of the next."""


def prepare_collector() -> None:
    """Set what is there by now – modules, routes, schemas – aside for ever, and look at new objects less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG, MIDDLE)
