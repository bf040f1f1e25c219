"""A folder of results holds what handbone wrote and what a user put there; only the first is ever replaced."""

import hashlib
import json
import os
import re

import pytest

from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.core.written import WRITTEN_FILE, Written
from handbone.workflows.results import Results


class Killed(BaseException):
    """Nothing that a program could catch and go on."""


def write(path, texts, *, overwrite=False, what="predictions", resumable=True):
    results = Results.at(path, what, resumable=resumable)
    with results.fill(overwrite=results.put_right() or overwrite, names=texts) as work:
        for name, text in texts.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)


def content(folder):
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}
    found.pop(WRITTEN_FILE, None)
    return found


OLD = {"table.csv": "old", "overlays/a.png": "old a", "overlays/b.png": "old b", "coco/x.json": "{}"}
NEW = {"table.csv": "new", "overlays/a.png": "new a", "records/a.json": "new"}


def test_the_record_names_every_file_with_its_digest(tmp_path):
    write(tmp_path / "out", OLD)
    value = json.loads((tmp_path / "out" / WRITTEN_FILE).read_text())
    assert value["schema"] == "handbone.written/1" and value["what"] == "predictions"
    assert value["files"] == {name: files.sha256_of(tmp_path / "out" / name) for name in OLD}


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps them")
def test_what_a_killed_worker_had_of_a_file_is_no_result(tmp_path):
    halves = {".t-0123456789ab.csv": "half", "records/.0.png-0123456789ab.json": "half"}
    write(tmp_path / "out", NEW | halves)
    assert content(tmp_path / "out") == NEW
    assert json.loads((tmp_path / "out" / WRITTEN_FILE).read_text())["files"].keys() == NEW.keys()


@pytest.mark.parametrize("mine", [{}, {"notes.txt": "mine", "overlays/mine.png": "mine", "coco/mine/deep.txt": "mine"}])
def test_overwriting_replaces_what_was_written_and_keeps_the_rest(mine, tmp_path):
    out = tmp_path / "out"
    write(out, OLD)
    for name, text in mine.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text(text)
    with pytest.raises(
        HandboneError,
        match="the folder already contains predictions; choose another folder, or replace them with --overwrite",
    ):
        write(out, NEW)
    write(out, NEW, overwrite=True)
    assert content(out) == NEW | mine and os.listdir(tmp_path) == ["out"]
    assert (out / "coco").exists() == bool(mine), "an empty folder of ours goes"


def test_a_file_that_a_user_corrected_is_refused_by_name_and_stays(tmp_path):
    write(tmp_path / "out", OLD)
    (tmp_path / "out" / "overlays" / "b.png").write_text("by hand")
    with pytest.raises(HandboneError, match=r"overlays/b.png is changed since handbone wrote it; move it elsewhere"):
        write(tmp_path / "out", NEW, overwrite=True)
    assert content(tmp_path / "out") == OLD | {"overlays/b.png": "by hand"}
    (tmp_path / "out" / "overlays" / "b.png").rename(tmp_path / "b.png")
    write(tmp_path / "out", NEW, overwrite=True)


def test_a_file_corrected_while_the_command_ran_is_not_lost_either(tmp_path):
    out, results = tmp_path / "out", Results.at(tmp_path / "out", "predictions", resumable=True)
    write(out, OLD)
    with pytest.raises(HandboneError, match=r"table\.csv is there already"), results.fill(overwrite=True) as work:
        (work / "table.csv").write_text("new")
        (out / "table.csv").write_text("by hand")
        (out / "overlays" / "b.png").write_text("by hand")
    assert content(out) == OLD | {"table.csv": "by hand", "overlays/b.png": "by hand"}
    assert (results.work / "table.csv").read_text() == "new", "the work is not lost"
    (out / "table.csv").unlink()
    (out / "overlays" / "b.png").unlink()
    with results.fill(overwrite=True):
        pass
    assert content(out) == {"table.csv": "new"}


def test_files_of_others_under_names_to_come_are_refused_before_the_work(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "table.csv").write_text("mine")
    with pytest.raises(HandboneError, match=r"table\.csv is there already, and not as handbone wrote it"):
        Results.at(tmp_path / "out", "predictions").check(overwrite=True, names=NEW)
    (tmp_path / "out" / "table.csv").unlink()
    (tmp_path / "out" / "overlays").write_text("a file")
    with pytest.raises(HandboneError, match=r"overlays/a\.png is there already"):
        write(tmp_path / "out", NEW)
    with pytest.raises(HandboneError, match="not a folder"):
        write(tmp_path / "out" / "overlays", NEW)


def test_results_of_another_kind_and_folders_of_others_are_not_ours(tmp_path):
    write(tmp_path / "out", OLD)
    with pytest.raises(HandboneError, match="the folder contains predictions, not exported masks"):
        write(tmp_path / "out", NEW, overwrite=True, what="exported masks")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    write(tmp_path / "thesis", NEW)
    write(tmp_path / "thesis", OLD, overwrite=True)
    assert content(tmp_path / "thesis") == OLD | {"chapter.txt": "years of work"}


@pytest.mark.parametrize("mine", [{}, {"notes.txt": "mine", "overlays/mine.png": "mine"}], ids=["ours", "shared"])
@pytest.mark.parametrize("resumable", [True, False])
def test_killed_at_any_renaming_nothing_is_lost_and_the_same_command_ends_as_ever(
    mine, resumable, tmp_path, monkeypatch
):
    replace, left = os.replace, 0

    def killing(source, target):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        replace(source, target)

    for number in range(12):
        out, left = tmp_path / str(number) / "out", number
        write(out, OLD)
        for name, text in mine.items():
            (out / name).write_text(text)
        with monkeypatch.context() as patched:
            patched.setattr(files.os, "replace", killing)
            try:
                write(out, NEW, overwrite=True, resumable=resumable)
                break
            except Killed:
                there = [content(p) for p in out.parent.iterdir() if p.is_dir()]
                assert all(any(c.get(n) == t for c in there) for n, t in mine.items())
                assert any(c.get("table.csv") == "old" for c in there) or any(
                    c.get("table.csv") == "new" for c in there
                )
        write(out, NEW, overwrite=True, resumable=resumable)
        assert content(out) == NEW | mine and os.listdir(out.parent) == ["out"]
    assert number >= (5 if mine else 3)


def test_what_was_whole_is_put_in_its_place_by_the_next_command(tmp_path):
    write(tmp_path / "out", OLD)
    (tmp_path / "out" / "mine.txt").write_text("mine")
    results = Results.at(tmp_path / "out", "predictions", resumable=True)
    results.work.mkdir()
    (results.work / "table.csv").write_text("new")
    Written.of("predictions", results.work, [results.work / "table.csv"]).write(results.work)
    assert results.put_right() and content(tmp_path / "out") == {"table.csv": "new", "mine.txt": "mine"}
    assert not results.put_right()


def test_nothing_made_leaves_nothing(tmp_path):
    with Results.at(tmp_path / "a" / "out", "predictions", resumable=True).fill(overwrite=False):
        pass
    with pytest.raises(RuntimeError), Results.at(tmp_path / "out", "exported masks").fill(overwrite=False) as work:
        (work / "half").write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_record_that_is_none_is_none(tmp_path):
    for text in ("", "{", "[]", '{"what": 1}', '{"what": "a", "files": []}', "[" * 100_000):
        (tmp_path / WRITTEN_FILE).write_text(text)
        assert Written.read(tmp_path) is None


def test_many_names_are_shortened(tmp_path):
    (tmp_path / "out").mkdir()
    for number in range(5):
        (tmp_path / "out" / f"{number}").write_text("mine")
    with pytest.raises(HandboneError, match=re.escape("0, 1, 2 and 2 more are there already")):
        write(tmp_path / "out", {str(number): "new" for number in range(5)})


def test_a_record_that_came_with_a_folder_names_no_file_outside_of_it(tmp_path):
    """Results from anywhere may say that handbone wrote the user's own files, which `--overwrite` would then remove."""
    (tmp_path / "out").mkdir()
    names = ("../kept.txt", f"{tmp_path}/kept.txt", "a/../../kept.txt", "", ".", "in.txt")
    files = dict.fromkeys(names, hashlib.sha256(b"").hexdigest())
    record = {"schema": "handbone.written/1", "what": "predictions", "files": files}
    (tmp_path / "out" / WRITTEN_FILE).write_text(json.dumps(record))
    for path in ("kept.txt", "out/in.txt", "out/notes.txt"):
        (tmp_path / path).touch()
    results = Results.at(tmp_path / "out", "predictions")
    with results.fill(overwrite=True) as work:
        (work / "new.txt").write_text("new")
    assert (tmp_path / "kept.txt").exists() and not (tmp_path / "out" / "in.txt").exists()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"new.txt", "notes.txt", WRITTEN_FILE}
