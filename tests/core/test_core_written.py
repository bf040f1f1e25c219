"""What a folder's record says of its files: no file of a user is ever taken for one of ours."""

import json
import os

import numpy as np
import pytest

from handbone.core.checked_arrays import is_whole, save_checked
from handbone.core.files import copy_file, is_temporary, json_text, json_value, sweep, write_text
from handbone.core.folders import files_in, move_file, remove_empty_folders
from handbone.core.written import WRITTEN_FILE, Written


@pytest.fixture
def folder(tmp_path):
    for name, text in {"a.csv": "1", "deep/b.csv": "2", "deep/환자.png": "3"}.items():
        write_text(tmp_path / name, text)
    return tmp_path


def record(folder):
    return Written.of("predictions", folder, files_in(folder))


def test_a_record_comes_back_and_names_paths_with_slashes(folder):
    written = record(folder)
    written.write(folder)
    assert Written.read(folder) == written and set(written.files) == {"a.csv", "deep/b.csv", "deep/환자.png"}
    assert json.loads((folder / WRITTEN_FILE).read_text("utf-8"))["schema"] == "handbone.written/1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"what": "x"}',
        '{"files": {}}',
        '{"what": "x", "files": []}',
        '{"what": "x", "files": null}',
        "[" * 100_000,
        "\udc80",
    ],
)
def test_a_damaged_record_is_none(tmp_path, text):
    (tmp_path / WRITTEN_FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert Written.read(tmp_path) is None
    assert Written.read(tmp_path / "missing") is None


def test_a_file_is_ours_as_long_as_nobody_touched_it(folder):
    written = record(folder)
    assert all(written.is_own(folder, name) for name in written.files) and written.changed(folder) == []
    assert not written.is_own(folder, "other.csv")
    (folder / "a.csv").write_text("mine")
    (folder / "deep" / "b.csv").unlink()
    assert not written.is_own(folder, "a.csv") and not written.is_own(folder, "deep/b.csv")
    assert written.changed(folder) == ["a.csv"], "what is gone is not changed"


@pytest.mark.parametrize("kind", ["folder", "link", "dangling"])
def test_what_took_a_file_s_place_is_not_ours(folder, kind):
    written, path = record(folder), folder / "a.csv"
    path.rename(folder / "kept")
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(folder / ("kept" if kind == "link" else "nowhere"))
    assert not written.is_own(folder, "a.csv") and written.changed(folder) == ["a.csv"]


def test_a_finished_file_has_a_second_name_until_one_is_replaced(tmp_path, monkeypatch):
    source, target = write_text(tmp_path / "a", "old"), tmp_path / "deep" / "b"
    for linked in (True, False):
        if not linked:
            monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
        copy_file(source, target)
        assert target.read_text() == "old" and os.path.samefile(source, target) is linked
    write_text(source, "new")
    assert target.read_text() == "old"


def test_a_file_is_moved_to_another_disk_whole(tmp_path, monkeypatch):
    import errno

    replace, calls = os.replace, []

    def other_disk(source, target):
        calls.append(target)
        if len(calls) == 1:
            raise OSError(errno.EXDEV, "another disk")
        replace(source, target)

    source = write_text(tmp_path / "a", "text")
    monkeypatch.setattr(os, "replace", other_disk)
    move_file(source, tmp_path / "deep" / "b")
    assert not source.exists() and (tmp_path / "deep" / "b").read_text() == "text"
    calls[:] = []
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        move_file(tmp_path / "deep" / "b", tmp_path / "c")
    assert (tmp_path / "deep" / "b").exists() and not (tmp_path / "c").exists()


def test_folders_without_files_go_and_others_stay(folder):
    (folder / "x" / "y" / "z").mkdir(parents=True)
    (folder / "deep" / "empty").mkdir()
    remove_empty_folders(folder)
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) == [
        *("a.csv", "deep", "deep/b.csv", "deep/환자.png")
    ]


@pytest.mark.parametrize(
    ("name", "temporary"),
    [
        (".a-0123456789ab", True),
        (".a-0123456789ab.csv", True),
        (".-0123456789ab", True),
        (".a.b-0123456789ab.npz", True),
        ("a-0123456789ab", False),
        (".a-0123456789a", False),
        (".a-0123456789abc", False),
        (".a-0123456789AB", False),
        (".a-0123456789ab.tar.gz", False),
        (".hidden", False),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps them")
def test_a_sweep_takes_what_dead_writers_left_and_nothing_else(tmp_path, name, temporary):
    (tmp_path / name).write_text("half")
    assert is_temporary(tmp_path / name) is temporary
    sweep(tmp_path)
    assert (tmp_path / name).exists() is not temporary
    sweep(tmp_path / "missing")


def test_a_sweep_leaves_folders_and_links(tmp_path):
    (tmp_path / ".a-0123456789ab").mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".b-0123456789ab").symlink_to(tmp_path / "mine")
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a-0123456789ab", ".b-0123456789ab", "mine"]


@pytest.mark.parametrize("values", [np.arange(6).reshape(2, 3), np.zeros((0, 4), np.float32), np.array(True)])
def test_an_array_that_lost_or_changed_any_byte_is_not_whole(tmp_path, values):
    path = tmp_path / "a.npy"
    save_checked(path, values)
    content = path.read_bytes()
    assert is_whole(path) and np.array_equal(np.load(path), values)
    for damaged in (content[:-1], content[:40], b"", content + b"\0", bytes([content[0] ^ 1]) + content[1:]):
        path.write_bytes(damaged)
        assert not is_whole(path)
    assert not is_whole(tmp_path / "missing") and not is_whole(tmp_path)


class Own:
    def to_json(self):
        return {"a": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (Own(), {"a": 1}),
        (os.fspath, TypeError),
        ({1, 2}, TypeError),
        (object(), TypeError),
        (1j, TypeError),
    ],
)
def test_only_what_has_a_json_form_is_written(value, expected):
    if expected is TypeError:
        with pytest.raises(TypeError, match=r"is not a JSON value"):
            json_value(value)
    else:
        assert json.loads(json_text(value)) == expected


def test_json_is_readable_text_or_ascii_and_ends_are_null(tmp_path):
    assert json_text({"ö": [1.5]}) == '{\n "ö": [\n  1.5\n ]\n}'
    assert json_text({"ö": [1.5]}, ascii_only=True) == '{\n "\\u00f6": [\n  1.5\n ]\n}'
    assert json_text({"p": tmp_path / "x"}) == json.dumps({"p": str(tmp_path / "x")}, indent=1)
    assert json_text([float("nan"), float("inf"), -1.0]) == "[\n null,\n null,\n -1.0\n]"
