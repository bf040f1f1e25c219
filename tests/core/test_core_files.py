"""Files and folders are written whole or not at all, and errors say what to do."""

import hashlib

import pytest

from handbone.core.errors import HandboneError, suggest
from handbone.core.files import sha256_of, whole_file, whole_folder, write_json


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "result.csv"
    target.write_text("old")
    with pytest.raises(OSError, match="full"), whole_file(target) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_whole_file_replaces_and_can_be_read_by_others(tmp_path):
    with whole_file(tmp_path / "deep" / "result.csv") as temporary:
        temporary.write_text("new")
    written = tmp_path / "deep" / "result.csv"
    assert written.read_text() == "new"
    assert written.stat().st_mode & 0o044


def test_failed_folder_leaves_the_old_one(tmp_path):
    folder = tmp_path / "set"
    with whole_folder(folder) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(KeyboardInterrupt), whole_folder(folder) as temporary:
        (temporary / "b").write_text("2")
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [folder]


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = write_json(tmp_path / "value.json", {"ä": 1})
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_error_is_one_sentence_with_place_and_remedy():
    error = HandboneError("unknown key 'epoch'", where="mine.toml, line 3", remedy="did you mean 'epochs'?")
    assert str(error) == "mine.toml, line 3: unknown key 'epoch'; did you mean 'epochs'?"


def test_suggestion_is_the_nearest_name_or_all():
    assert suggest("epoch", ["epochs", "batch"]) == "did you mean 'epochs'?"
    assert suggest("zzz", ["b", "a"]) == "choose one of: a, b"
