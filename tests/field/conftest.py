"""What the tables of bad input share."""

import pytest
from bad_input import Bad, try_out
from cli_small import save_seeing
from weights_small import write_run


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory):
    """Folders of weights by what they are for: a coarse network that sees two bones, and one with a refiner beside."""
    folder = tmp_path_factory.mktemp("weights")
    coarse = save_seeing(folder / "coarse" / "coarse.safetensors", bones=range(2))
    write_run(folder / "refining")
    return {"weights": coarse, "refining": folder / "refining" / "weights"}


@pytest.fixture
def try_bad(tmp_path, small_weights, tmp_path_factory, monkeypatch, capsys, one_thread):
    """Tries a kind of bad input in a folder of its own, whose name may be given."""
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(bad: Bad, name: str = "here") -> None:
        folder = tmp_path / name
        folder.mkdir()
        try_out(bad, folder, small_weights, monkeypatch, capsys)

    return run
