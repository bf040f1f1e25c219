"""The command line as people and programs meet it, in this process."""

import io

import pytest
from cli_small import main
from rich.console import Console


@pytest.fixture
def say(monkeypatch, capsys, tmp_path):
    """Runs a command in an empty folder, with nothing of the user's own; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for name in ("CONFIG", "CACHE", "RUNS"):
        monkeypatch.setenv(f"HANDBONE_{name}", str(tmp_path / "own" / name.lower()))

    def run(*words):
        code = main(monkeypatch, *words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def lines(monkeypatch):
    """Calls what shows something; gives the lines that are printed on a wide terminal without colours."""

    def show(module, name, *arguments, **options):
        console = Console(width=300, file=io.StringIO(), highlight=False, color_system=None)
        for place in ("results_console", "results"):
            if hasattr(module, place):
                monkeypatch.setattr(module, place, lambda: console)
        getattr(module, name)(*arguments, **options)
        return [line.strip() for line in console.file.getvalue().splitlines()]

    return show
