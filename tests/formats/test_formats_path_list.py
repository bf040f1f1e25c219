"""`--from-file`: paths one per line, from a file or standard input; bad lines are named."""

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from handbone.core.errors import HandboneError
from handbone.formats.path_list import read_path_list


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (b"a.png", b"b c.png", b"\xff.png", b" spaced .png"):
        (tmp_path / os.fsdecode(name)).touch()
    return tmp_path


def test_every_line_is_a_path_whatever_its_ending_and_bytes(here):
    (here / "list.txt").write_bytes(b"\xef\xbb\xbfa.png\r\n\nb c.png\n\xff.png\n spaced .png")
    names = ["a.png", "b c.png", os.fsdecode(b"\xff.png"), " spaced .png"]
    assert read_path_list(Path("list.txt")) == [Path(name) for name in names]


def test_standard_input(here, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a.png\n")))
    assert read_path_list(Path("-")) == [Path("a.png")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a.png\nno.png\n\nb.png\nc.png\nd.png", "line 2: no.png, line 4: b.png, line 5: c.png and 1 more"),
        (b"\n \n"[:1], "the list is empty"),
        (b"a.png\0b c.png\0", "zero byte"),
    ],
)
def test_bad_lists_are_refused(here, content, said):
    (here / "list.txt").write_bytes(content)
    with pytest.raises(HandboneError, match=said):
        read_path_list(Path("list.txt"))
    with pytest.raises(HandboneError, match="cannot be read"):
        read_path_list(Path("nothing.txt"))
