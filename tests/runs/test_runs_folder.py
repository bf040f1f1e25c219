"""A run's folder: steps are whole or absent, continued where the fingerprint agrees, and held by one process."""

import os
from pathlib import Path

import pytest

from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file
from handbone.runs.fingerprints import fingerprint_of
from handbone.runs.folder import RunFolder


def test_fingerprint_depends_on_values_not_on_their_order():
    assert fingerprint_of({"a": 1, "b": [1, 2]}) == fingerprint_of({"b": [1, 2], "a": 1})
    assert fingerprint_of({"a": 1}) != fingerprint_of({"a": 2})


def test_step_is_new_then_reused_then_redone_when_its_inputs_change(tmp_path):
    run = RunFolder(tmp_path)
    assert run.state("coarse", "one") == "new"
    with run.work_on("coarse", "one") as part:
        (part / "weights").write_text("w")
    assert run.state("coarse", "one") == "reused"
    assert run.state("coarse", "two") == "redone"
    assert (run.step("coarse") / "weights").read_text() == "w"
    assert run.seconds("coarse") >= 0


def test_interrupted_step_leaves_no_result_and_continues_with_what_it_had(tmp_path):
    run = RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt), run.work_on("coarse", "one") as part:
        (part / "epoch-1").write_text("done")
        raise KeyboardInterrupt
    assert not run.step("coarse").exists()
    assert run.state("coarse", "one") == "continued"
    with run.work_on("coarse", "one") as part:
        assert (part / "epoch-1").read_text() == "done"
    assert run.state("coarse", "one") == "reused"


def test_old_result_stays_until_the_new_one_is_whole(tmp_path):
    run = RunFolder(tmp_path)
    with run.work_on("coarse", "one") as part:
        (part / "weights").write_text("old")
    with pytest.raises(RuntimeError), run.work_on("coarse", "two") as part:
        (part / "weights").write_text("half")
        raise RuntimeError
    assert (run.step("coarse") / "weights").read_text() == "old"
    # What another fingerprint left is of no use.
    with run.work_on("coarse", "three") as part:
        assert not (part / "weights").exists()


def test_second_process_is_refused(tmp_path):
    run = RunFolder(tmp_path)
    with run.locked():
        who = rf"another handbone process \({os.getpid()} on .+, since \d{{4}}-\d\d-\d\d \d\d:\d\d\) is at work there"
        with pytest.raises(HandboneError, match=who):
            RunFolder(tmp_path).locked().__enter__()
        (tmp_path / ".lock").write_bytes(b"")
        with pytest.raises(HandboneError, match="another handbone process is at work there"):
            RunFolder(tmp_path).locked().__enter__()
    with run.locked():
        pass
    assert not (tmp_path / ".lock").exists()


def test_damaged_record_means_that_the_step_is_done_again(tmp_path):
    run = RunFolder(tmp_path)
    with run.work_on("coarse", "one"):
        pass
    (run.step("coarse") / "step.json").write_text("{")
    assert run.state("coarse", "one") == run.state("coarse", "two") == "damaged"
    assert run.damage("coarse") == "steps/coarse/step.json"


def whole(tmp_path):
    run = RunFolder(tmp_path)
    with run.work_on("coarse", "one") as part:
        (part / "deep").mkdir()
        (part / "deep" / "weights").write_bytes(b"weights")
        (part / "empty").touch()
    return run


@pytest.mark.parametrize("degradation", [b"weightz", b"weight", b"", None])
def test_every_file_of_a_step_is_compared_with_its_sum(tmp_path, degradation):
    run = whole(tmp_path)
    assert run.state("coarse", "one") == "reused"
    victim = run.step("coarse") / "deep" / "weights"
    victim.unlink() if degradation is None else victim.write_bytes(degradation)
    assert run.state("coarse", "one") == "damaged" and run.damage("coarse") == "steps/coarse/deep/weights"


def test_a_damaged_step_that_was_begun_again_continues(tmp_path):
    run = whole(tmp_path)
    (run.step("coarse") / "empty").write_text("full")
    with pytest.raises(KeyboardInterrupt), run.work_on("coarse", "one"):
        raise KeyboardInterrupt
    assert run.state("coarse", "one") == "continued" and run.state("coarse", "two") == "damaged"
    with run.work_on("coarse", "one"):
        pass
    assert run.state("coarse", "one") == "reused"


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "7", '{"fingerprint": "one"}', '{"fingerprint": "one", "seconds": "x"}']
)
def test_a_begun_step_with_a_damaged_record_begins_anew(tmp_path, record):
    run = RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt), run.work_on("coarse", "one") as part:
        (part / "half").touch()
        raise KeyboardInterrupt
    (run.workdir("coarse") / "step.json").write_text(record)
    assert run.state("coarse", "one") == "new" and run.seconds("coarse") == 0
    with run.work_on("coarse", "one") as part:
        assert not (part / "half").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc to see which file is synced")
def test_all_of_a_step_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def synced(handle):
        events.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    def replaced(source, target):
        events.append(f"{target} has its name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    run = whole(tmp_path)
    workdir, last = run.workdir("coarse"), events.index(f"{run.step('coarse')} has its name")
    before = set(events[:last])
    assert {str(workdir / name) for name in ("", "deep", "deep/weights", "empty", "step.json")} <= before
    assert events[last + 1] == str(run.path / "steps")


def test_what_killed_processes_left_half_written_goes_at_the_next_start(tmp_path):
    run = whole(tmp_path)
    with pytest.raises(KeyboardInterrupt), run.work_on("refiner", "two"):
        raise KeyboardInterrupt
    left = [
        run.path / ".predictions-0123456789ab.csv",
        run.path / "weights" / ".coarse-0123456789ab.safetensors",
        run.workdir("refiner") / ".last-0123456789ab.ckpt",
        run.workdir("refiner") / ".set-0123456789ab" / "a.png",
        run.step("coarse") / ".set-0123456789ab" / "a.png",
    ]
    stay = [run.path / "mine-0123456789ab.csv", run.workdir("refiner") / "last.ckpt", run.path / ".other" / "a"]
    for path in (*left, *stay):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with run.locked():
        pass
    assert not [
        path for path in left if path.exists() or (path.parent.name.startswith(".set-") and path.parent.exists())
    ]
    assert all(path.exists() for path in stay) and run.state("coarse", "one") == "reused"
    assert run.state("refiner", "two") == "continued"


def test_a_file_that_another_command_is_writing_stays(tmp_path):
    run = RunFolder(tmp_path)
    with atomic_file(run.path / "masks.csv") as temporary:
        temporary.write_text("half")
        with run.locked():
            assert temporary.exists()
    assert (run.path / "masks.csv").read_text() == "half"
