"""A machine with no sets of weights of its own: empty shipped and fetched folders."""

from types import SimpleNamespace

import pytest
from weights_small import write_run, zip_folder

from handbone.weights import pack, sets


@pytest.fixture(scope="module", autouse=True)
def _small(one_thread):
    """All networks here are small."""


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def packed(run_folder, tmp_path_factory):
    """A packed set that lies nowhere in particular."""
    folder = tmp_path_factory.mktemp("packed") / "small"
    pack(run_folder, folder, name="small", summary="for tests", limits=["Untrained."])
    return folder


@pytest.fixture(scope="session")
def zipped(packed, tmp_path_factory):
    """The same as a .zip with its digest."""
    return zip_folder(packed, tmp_path_factory.mktemp("zip") / "small.zip", prefix="small/")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Where shipped and fetched sets lie in this test."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(sets, "SHIPPED", shipped)
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path / "cache"))
    return SimpleNamespace(shipped=shipped, fetched=tmp_path / "cache" / "weights")
