"""Files and folders are written whole or not at all, and errors say what to do."""

import hashlib
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from handbone.core.errors import HandboneError, suggest
from handbone.core.files import atomic_file, sha256_of, write_json
from handbone.core.folders import atomic_dir


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "result.csv"
    target.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_file_replaces_and_can_be_read_by_others(tmp_path):
    with atomic_file(tmp_path / "deep" / "result.csv") as temporary:
        temporary.write_text("new")
    written = tmp_path / "deep" / "result.csv"
    assert written.read_text() == "new"
    assert written.stat().st_mode & 0o044


def test_failed_folder_leaves_the_old_one(tmp_path):
    folder = tmp_path / "set"
    with atomic_dir(folder) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(KeyboardInterrupt), atomic_dir(folder) as temporary:
        (temporary / "b").write_text("2")
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What went to the disk and what took a name, in that order, relative to tmp_path."""
    events, fsync, replace = [], os.fsync, os.replace

    def place(path):
        return str(Path(path).relative_to(tmp_path))

    def synced(handle):
        events.append(("synced", place(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def replaced(source, target):
        events.append(("replaced", place(source), place(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return events


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc to see which file is synced")
def test_content_is_on_the_disk_before_the_name_and_the_name_when_all_is_done(told, tmp_path):
    with atomic_file(tmp_path / "a.csv") as temporary:
        temporary.write_text("new")
    assert told == [("synced", temporary.name), ("replaced", temporary.name, "a.csv"), ("synced", ".")]
    told.clear()
    with atomic_dir(tmp_path / "set") as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "a").write_text("1")
    name = temporary.name
    inside, last = told[:-2], told[-2:]
    assert {place for _, place in inside} == {name, f"{name}/deep", f"{name}/deep/a"}
    assert last == [("replaced", name, "set"), ("synced", ".")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask_which_nobody_touches(tmp_path, umask, monkeypatch):
    before = os.umask(umask)
    try:
        with monkeypatch.context() as patched:
            # It belongs to the whole process: another thread's files would be open to all meanwhile.
            patched.setattr(os, "umask", None)
            with atomic_file(tmp_path / "a.csv") as temporary:
                temporary.write_text("new")
            with atomic_dir(tmp_path / "set"):
                pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "set").stat().st_mode) == 0o777 & ~umask


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = write_json(tmp_path / "value.json", {"ä": 1})
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_error_is_one_sentence_with_place_and_remedy():
    error = HandboneError("unknown key 'epoch'", where="mine.toml, line 3", remedy="did you mean 'epochs'?")
    assert str(error) == "mine.toml, line 3: unknown key 'epoch'; did you mean 'epochs'?"


def test_suggestion_is_the_nearest_name_or_all():
    assert suggest("epoch", ["epochs", "batch"]) == "did you mean 'epochs'?"
    assert suggest("zzz", ["b", "a"]) == "choose one of: a, b"


def test_what_is_no_number_is_null(tmp_path):
    value = {"a": float("nan"), "b": [np.float32("inf"), 0.5], "c": np.array([np.nan, 1.0])}
    text = write_json(tmp_path / "a.json", value).read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [None, 0.5], "c": [None, 1.0]}
