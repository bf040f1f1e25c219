"""A process ends with the one that started it, on systems that tell it and on those where it has to look."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PARENT = """
import os, sys, time
from handbone.core import processes
processes._POLL_SECONDS = 0.05
parent = os.getpid()
if os.fork() == 0:
    sys.platform = sys.argv[1] or sys.platform
    if sys.argv[2] == "late":
        while os.getppid() == parent:
            time.sleep(0.01)
    print(os.getpid(), flush=True)
    processes.end_with(parent)
    time.sleep(60)
time.sleep(0.5 if sys.argv[2] == "late" else 60)
"""


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.mark.parametrize("platform", ["", "darwin"])
@pytest.mark.parametrize("when", ["killed", "late"])
def test_a_child_ends_with_its_parent(platform, when):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, platform, when], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    if when == "killed":
        time.sleep(0.2)
        assert is_there(child), "while its parent lives"
        parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    deadline = time.monotonic() + 5
    while is_there(child):
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.02)
