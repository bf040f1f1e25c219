"""Mishaps of the system end in a sentence, not in a traceback."""

import errno

import pytest

from handbone import cli
from handbone.cli import lazy


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/a.csv"), "runs/a.csv: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied"),
    ],
)
def test_a_full_disk_or_a_closed_folder_is_one_sentence(monkeypatch, capsys, error, sentence):
    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert sentence in capsys.readouterr().err


def test_ctrl_c_is_a_sentence_too(monkeypatch, capsys):
    def interrupt(self, ctx):
        raise KeyboardInterrupt

    monkeypatch.setattr(lazy.TyperGroup, "invoke", interrupt)
    monkeypatch.setattr("sys.argv", ["handbone", "recipes", "list"])
    with pytest.raises(SystemExit, match="130"):
        cli.main()
    assert capsys.readouterr().err == "Stopped. Run the same command to start again.\n"
