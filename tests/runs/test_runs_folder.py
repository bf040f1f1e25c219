"""A run's folder: steps are whole or absent, continued where the fingerprint agrees, and held by one process."""

import pytest

from handbone.core.errors import HandboneError
from handbone.runs.folder import RunFolder, fingerprint_of


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
    with run.locked(), pytest.raises(HandboneError, match="another handbone process"), RunFolder(tmp_path).locked():
        pass
    with run.locked():
        pass


def test_damaged_record_means_that_the_step_is_done_again(tmp_path):
    run = RunFolder(tmp_path)
    with run.work_on("coarse", "one"):
        pass
    (run.step("coarse") / "step.json").write_text("{")
    assert run.state("coarse", "one") == "redone"
