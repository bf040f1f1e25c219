"""Runs in their own processes, as small as they get, that can be killed anywhere."""

import os
import subprocess
from contextlib import contextmanager

import pytest
from faults_server import Commands


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """The process that forks commands."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    server = Commands(tmp_path_factory.mktemp("faults"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def straight(runs):
    """The folder of a run that nothing disturbed."""
    folder = runs.folder("straight")
    assert runs.run(folder) == 0, (folder / "stderr.txt").read_text()
    return folder


@pytest.fixture
def disk(tmp_path):
    """Mounts a file system of its own; gives a function that mounts it again with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return place

    @contextmanager
    def mounted(options):
        yield mount(options), lambda other: mount(f"remount,{other}")

    yield mounted
    subprocess.run(["umount", "--lazy", place], capture_output=True)
