"""Several processes on one run: lightning, torchrun or SLURM start the same command once a device.

The first process carries out every step. The others take part in the trainings that are spread over devices, and wait
for the rest.
"""

import os
import sys
import time
from collections.abc import Callable

from handbone.core.errors import HandboneError

_POLL_SECONDS = 0.2


def is_first_process() -> bool:
    """Whether this process is the one that writes; read from what launchers put into the environment."""
    for name in ("RANK", "SLURM_PROCID"):
        if name in os.environ:
            return int(os.environ[name]) == 0
    # lightning's own launcher numbers nodes and the processes of a node.
    return all(int(os.environ.get(name, 0)) == 0 for name in ("NODE_RANK", "LOCAL_RANK"))


def rank_name() -> str:
    """What this process is called in messages, by the same launchers' counts."""
    for name in ("RANK", "SLURM_PROCID"):
        if name in os.environ:
            return f"rank {int(os.environ[name])}"
    node, local = (int(os.environ.get(name, 0)) for name in ("NODE_RANK", "LOCAL_RANK"))
    return f"rank {local} of node {node}" if node else f"rank {local}"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for the first process.

    Raises
    ------
    HandboneError: the process that started this one is gone, so that nothing will come.
    """
    parent = os.getppid()
    while not condition():
        if sys.platform != "win32" and os.getppid() != parent:
            raise HandboneError(f"the first process stopped before {what}", remedy="see its error message")
        time.sleep(_POLL_SECONDS)
