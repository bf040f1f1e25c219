"""Starting without Python's search for reference cycles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_of_command: list[bool] = []


def keep_what_starts() -> None:
    """Let no later search look at what is made within `no_collection`; for processes that are a command, not a guest's.

    What lives then is not freed if it ends in a reference cycle: modules and networks, but for a host also its own.
    """
    _of_command[:] = [True]


@contextmanager
def no_collection() -> Iterator[None]:
    """Within it Python searches for no garbage in reference cycles; also a decorator of functions.

    Imports and new networks make several hundred thousand objects that stay. Each search looks at those so far and
    finds nothing: a fifth of the time to the first radiograph with torch, a tenth without.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _of_command:
            gc.freeze()
        if was:
            gc.enable()
