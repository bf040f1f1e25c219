"""The tests of exported networks, in a process of their own.

In one that has run all other tests, too, OpenVINO leaves Python without its lock, and the next line of Python crashes.
"""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_exported_networks():
    file = Path(__file__).with_name("alone_export_model.py")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", str(file)]
    done = subprocess.run(command, cwd=file.parents[2], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
