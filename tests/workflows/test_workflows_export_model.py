"""The tests of exported networks, in a process of their own.

One that had run all other tests, too, crashed here three times: Python's main thread had lost its state. OpenVINO is
suspected, which nothing else uses in that process.
"""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_exported_networks():
    here = Path(__file__)
    files = map(str, sorted(here.parent.glob("alone_export_*.py")))
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", *files]
    done = subprocess.run(command, cwd=here.parents[2], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
