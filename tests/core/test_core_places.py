"""Places of results at their edges: links, names, half-done work, other systems, and files that come one by one."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core import files, folders
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file, copy_file, is_temporary, sha256_of, sweep, write_json, write_text
from handbone.core.folders import Place, atomic_dir, files_in, move_file
from handbone.core.progress import track

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has neither these links nor these names")


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("text", ["", "x", "환자\n", "a\r\nb", "\udc80"])
def test_a_text_is_written_as_it_is(tmp_path, text):
    path = write_text(tmp_path / "deep" / "a.txt", text)
    assert path.read_bytes() == text.encode("utf-8", "backslashreplace") and names(tmp_path) == ["deep", "deep/a.txt"]


@POSIX
@pytest.mark.parametrize("length", [1, 30, 31, 251, 255])
def test_a_name_as_long_as_it_can_be_has_room_for_its_temporary_one(tmp_path, length):
    path = tmp_path / ("n" * (length - 4) + ".txt" if length > 4 else "n" * length)
    with atomic_file(path) as temporary:
        assert is_temporary(temporary) and temporary.parent == tmp_path and temporary.suffix == path.suffix
        temporary.write_text("x")
    assert path.read_text() == "x" and len(names(tmp_path)) == 1


@pytest.mark.parametrize("suffix", [".x" * 5, ".tar.gz", "." + "s" * 30, ""])
def test_an_ending_of_any_length_makes_a_temporary_name(tmp_path, suffix):
    with atomic_file(tmp_path / f"a{suffix}") as temporary:
        assert is_temporary(temporary) and len(temporary.name) < 60
        temporary.write_text("x")
    assert (tmp_path / f"a{suffix}").exists()


@pytest.fixture
def windows(monkeypatch):
    """Locks and flushes as Windows has them: files are closed before they are renamed, folders cannot be opened."""
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)


def test_files_and_folders_are_written_on_windows_too(tmp_path, windows):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old" and names(tmp_path) == ["a.txt"]
    with atomic_dir(tmp_path / "out") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "b.txt").write_text("b")
    assert names(tmp_path) == ["a.txt", "out", "out/deep", "out/deep/b.txt"]


def test_on_windows_nothing_is_swept_as_no_lock_tells_the_dead(tmp_path, windows):
    (tmp_path / ".a-0123456789ab.txt").write_text("half")
    sweep(tmp_path)
    assert names(tmp_path) == [".a-0123456789ab.txt"]


@POSIX
def test_a_living_writer_s_file_is_not_swept(tmp_path):
    with atomic_file(tmp_path / "a.txt") as temporary:
        sweep(tmp_path)
        assert temporary.exists()
        temporary.write_text("x")
    assert names(tmp_path) == ["a.txt"]


@POSIX
def test_a_writer_whose_file_was_swept_between_making_and_locking_makes_another(tmp_path, monkeypatch):
    locked, made = files._locked, []

    def sweeping(handle):
        if not made:
            (path,) = tmp_path.iterdir()
            path.unlink()
        made.append(handle)
        return locked(handle)

    monkeypatch.setattr(files, "_locked", sweeping)
    write_text(tmp_path / "a.txt", "x")
    assert len(made) == 2 and (tmp_path / "a.txt").read_text() == "x"


@pytest.mark.parametrize("error", [BlockingIOError(11, "taken"), OSError(38, "no locks here")])
@POSIX
def test_a_lock_that_is_taken_is_not_ours_and_one_that_there_is_not_is(monkeypatch, error):
    def flock(*_):
        raise error

    monkeypatch.setattr(files.fcntl, "flock", flock)
    assert files._locked(0) is not isinstance(error, BlockingIOError)


@pytest.mark.parametrize("left", [".lock", ".handbone-old", "-0123456789ab"])
def test_what_is_left_half_done_is_put_right_before_it_is_needed(tmp_path, left):
    place = Place.of(tmp_path / "out")
    path = place.beside(left)
    if left == ".lock":
        path.write_text("dead")
    else:
        path.mkdir()
        (path / "a.txt").write_text("x")
    place.put_right()
    assert names(tmp_path) == (["out", "out/a.txt"] if left == ".handbone-old" else [])


@pytest.mark.parametrize("name", ["-0123456789a", "-0123456789abc", "-0123456789AB", ".other"])
def test_what_only_looks_half_done_stays(tmp_path, name):
    place = Place.of(tmp_path / "out")
    place.beside(name).mkdir()
    place.put_right()
    assert len(names(tmp_path)) == 1


def test_nothing_is_touched_where_nothing_is_left(tmp_path):
    Place.of(tmp_path / "deep" / "out").put_right()
    assert names(tmp_path) == []


def test_folders_that_were_made_for_nothing_go_again(tmp_path):
    with Place.of(tmp_path / "deep" / "er" / "out").locked():
        assert (tmp_path / "deep" / "er").is_dir()
    assert names(tmp_path) == []
    with pytest.raises(RuntimeError), Place.of(tmp_path / "deep" / "out").locked():
        raise RuntimeError
    assert names(tmp_path) == []


@pytest.mark.parametrize("what", ["file", "link to a file"])
def test_what_is_no_folder_is_refused(tmp_path, what):
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file"
    if what != "file":
        path = tmp_path / "link"
        path.symlink_to(tmp_path / "file")
    with pytest.raises(HandboneError, match="this is not a folder; give the name of a folder"):
        Place.of(path)


def test_files_are_found_below_links_to_files_only_and_in_order(tmp_path):
    for name in ("b.txt", "a/c.txt", "a.txt"):
        write_text(tmp_path / "x" / name, name)
    (tmp_path / "x" / "link").symlink_to(tmp_path / "x" / "a")
    found = [path.relative_to(tmp_path / "x").as_posix() for path in files_in(tmp_path / "x")]
    assert found == sorted(["a.txt", "a/c.txt", "b.txt"], key=lambda name: Path(name))
    assert files_in(tmp_path / "missing") == []


def test_a_moved_or_copied_file_takes_the_place_of_what_has_its_name(tmp_path):
    write_text(tmp_path / "a", "new")
    write_text(tmp_path / "deep" / "b", "old")
    copy_file(tmp_path / "a", tmp_path / "deep" / "b")
    assert sha256_of(tmp_path / "deep" / "b") == sha256_of(tmp_path / "a")
    move_file(tmp_path / "a", tmp_path / "deep" / "c")
    assert names(tmp_path) == ["deep", "deep/b", "deep/c"]


def test_a_place_that_cannot_be_renamed_for_another_reason_says_so(tmp_path, monkeypatch):
    write_text(tmp_path / "out" / "a.txt", "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), atomic_dir(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("new")
        monkeypatch.setattr(folders, "move", full)
    assert names(tmp_path) == ["out", "out/a.txt"] and (tmp_path / "out" / "a.txt").read_text() == "old"


@settings(max_examples=30)
@given(st.recursive(st.none() | st.booleans() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_json_on_disk_is_the_value(tmp_path_factory, value):
    import json

    path = write_json(tmp_path_factory.getbasetemp() / "value.json", value)
    assert json.loads(path.read_text("utf-8")) == value


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("total", [None, 5])
def test_work_is_tracked_whether_or_not_its_length_is_known(count, total):
    taken = []
    for item in track((taken.append(n) or n for n in range(count)), "Working", total):
        assert total is None or taken[-1] == item, "items come one at a time where their number is known"
    assert taken == list(range(count))
