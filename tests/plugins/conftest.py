"""Packages that only the tests of plugins install."""

import sys

import pytest

from handbone.plugins import discovery


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages that this process sees, and settings of its own."""
    monkeypatch.setenv("HANDBONE_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv(discovery.ONLY, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    before = set(sys.modules)
    yield tmp_path / "site"
    for name in set(sys.modules) - before:
        if name.startswith(("bad_", "half_", "good_", "handbone_t")):
            del sys.modules[name]
