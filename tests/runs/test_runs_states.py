"""Every state that a step can be in, and what the next command makes of it."""

import itertools
import json
import os

import pytest

from handbone.runs.folder import RunFolder

STEP = "coarse"


def make_whole(run, fingerprint, content="w"):
    with run.work_on(STEP, fingerprint) as part:
        (part / "deep").mkdir(exist_ok=True)
        (part / "deep" / "weights").write_text(content)


def begin(run, fingerprint):
    with pytest.raises(KeyboardInterrupt), run.work_on(STEP, fingerprint) as part:
        (part / "epoch").write_text(fingerprint)
        raise KeyboardInterrupt


def damage_file(folder):
    (folder / "deep" / "weights").write_text("x")


def lose_file(folder):
    (folder / "deep" / "weights").unlink()


def cut_record(folder):
    (folder / "step.json").write_text("{")


def strip_sums(folder):
    record = json.loads((folder / "step.json").read_text())
    del record["files"]
    (folder / "step.json").write_text(json.dumps(record))


def lose_record(folder):
    (folder / "step.json").unlink()


WHOLE = [
    None,
    "same",
    "other",
    *itertools.product(("same", "other"), (damage_file, lose_file, cut_record, strip_sums, lose_record)),
]
BEGUN = [None, "same", "other", "unreadable"]


def name_of(case):
    return case if isinstance(case, str) else "none" if case is None else f"{case[0]}-{case[1].__name__}"


@pytest.mark.parametrize("whole", WHOLE, ids=name_of)
@pytest.mark.parametrize("begun", BEGUN, ids=str)
def test_what_is_there_decides_what_a_step_means(tmp_path, whole, begun):
    run = RunFolder(tmp_path)
    damaged = isinstance(whole, tuple)
    if whole is not None:
        make_whole(run, whole[0] if damaged else whole)
    if begun is not None:
        begin(run, "same" if begun == "unreadable" else begun)
        if begun == "unreadable":
            cut_record(run.workdir(STEP))
    if damaged:
        whole[1](run.step(STEP))

    if whole == "same":
        expected = "reused"
    elif begun == "same":
        expected = "continued"
    elif damaged:
        expected = "damaged"
    else:
        expected = "new" if whole is None else "redone"
    assert run.state(STEP, "same") == expected
    assert (run.damage(STEP) is None) is (whole is not None and not damaged)

    with run.work_on(STEP, "same") as part:
        # Only what the same fingerprint left is of any use.
        assert (part / "epoch").exists() is (begun == "same")
        (part / "done").touch()
    assert run.state(STEP, "same") == "reused" and not run.workdir(STEP).exists()
    assert run.state(STEP, "third") == "redone" and run.damage(STEP) is None
    assert not (run.step(STEP) / "deep").exists(), "nothing of the earlier result is left"


@pytest.mark.parametrize("extra", ["more", "deep/more", ".hidden"])
def test_a_file_more_is_no_damage_and_goes_with_the_step(tmp_path, extra):
    run = RunFolder(tmp_path)
    make_whole(run, "one")
    (run.step(STEP) / extra).write_text("mine")
    assert run.state(STEP, "one") == "reused"
    make_whole(run, "two")
    assert not (run.step(STEP) / extra).exists()


@pytest.mark.parametrize("text", ["", "[]", "3", "null", '{"seconds": "x"}', '{"fingerprint": "one"}', "\udcff"])
def test_a_record_of_another_kind_is_none(tmp_path, text):
    run = RunFolder(tmp_path)
    make_whole(run, "one")
    (run.step(STEP) / "step.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert run.state(STEP, "one") == "damaged" and run.damage(STEP) == "steps/coarse/step.json"
    assert run.seconds(STEP) == 0.0


def test_seconds_of_all_attempts_count(tmp_path, monkeypatch):
    now = iter([0.0, 10.0, 100.0, 105.5])
    monkeypatch.setattr("handbone.runs.folder.time.monotonic", lambda: next(now))
    run = RunFolder(tmp_path)
    begin(run, "one")
    make_whole(run, "one")
    assert run.seconds(STEP) == 15.5 and run.seconds("missing") == 0.0


@pytest.mark.parametrize("mine", [None, "same", "other", "begun", "damaged"])
@pytest.mark.parametrize("theirs", [None, "same", "other", "begun", "damaged"])
def test_results_are_linked_where_another_run_has_them_and_this_one_has_not_begun(tmp_path, mine, theirs):
    run, other = RunFolder(tmp_path / "mine"), RunFolder(tmp_path / "theirs")
    for folder, what in ((run, mine), (other, theirs)):
        if what in ("same", "other"):
            make_whole(folder, what, content=folder.path.name)
        elif what == "begun":
            begin(folder, "same")
        elif what == "damaged":
            make_whole(folder, "same")
            damage_file(folder.step(STEP))
    linked = run.link_from(STEP, "same", other)
    assert linked is (theirs == "same" and mine not in ("same", "begun"))
    if linked:
        assert run.state(STEP, "same") == "reused" and run.step(STEP).is_symlink()
        assert (run.step(STEP) / "deep" / "weights").read_text() == "theirs"
        # Relative, so that both runs can be moved together.
        assert not os.path.isabs(os.readlink(run.step(STEP)))
        (tmp_path / "mine").rename(tmp_path / "moved")
        assert RunFolder(tmp_path / "moved").state(STEP, "same") == "reused"


def test_a_linked_step_is_made_anew_without_touching_the_other_run(tmp_path):
    run, other = RunFolder(tmp_path / "mine"), RunFolder(tmp_path / "theirs")
    make_whole(other, "same", content="theirs")
    assert run.link_from(STEP, "same", other) and not run.link_from(STEP, "same", other)
    make_whole(run, "next", content="mine")
    assert not run.step(STEP).is_symlink() and (run.step(STEP) / "deep" / "weights").read_text() == "mine"
    assert (other.step(STEP) / "deep" / "weights").read_text() == "theirs" and other.state(STEP, "same") == "reused"


def test_where_there_are_no_links_nothing_is_linked(tmp_path, monkeypatch):
    run, other = RunFolder(tmp_path / "mine"), RunFolder(tmp_path / "theirs")
    make_whole(other, "same")
    monkeypatch.setattr("pathlib.Path.symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError("no links")))
    assert not run.link_from(STEP, "same", other) and run.state(STEP, "same") == "new"


def test_a_link_to_a_run_that_is_gone_is_a_step_to_do(tmp_path):
    run, other = RunFolder(tmp_path / "mine"), RunFolder(tmp_path / "theirs")
    make_whole(other, "same")
    run.link_from(STEP, "same", other)
    (tmp_path / "theirs").rename(tmp_path / "gone")
    assert run.state(STEP, "same") == "new"
    make_whole(run, "same")
    assert run.state(STEP, "same") == "reused" and not run.step(STEP).is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps temporary files")
def test_holding_a_run_sweeps_what_killed_processes_left_and_nothing_else(tmp_path):
    run = RunFolder(tmp_path)
    make_whole(run, "one")
    temporary = ".a-0123456789ab.csv"
    for folder in ("", "weights", "steps", "steps/coarse", "steps/coarse/deep"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / temporary).write_text("half")
        (tmp_path / folder / "mine.csv").write_text("mine")
    (tmp_path / "steps" / ".b-0123456789ab").mkdir()
    (tmp_path / "steps" / ".b-0123456789ab" / "x").write_text("half")
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / temporary).write_text("not ours")
    with run.locked():
        left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if "0123456789ab" in path.name]
        assert left == [f"other/{temporary}"]
        assert len(list(tmp_path.rglob("mine.csv"))) == 5
    assert run.state(STEP, "one") == "reused"
