"""`handbone adapt` through the real command line, with small networks to which the true masks are told."""

import functools
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from handbone.anatomy import COUNT
from handbone.cli import app
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.method.two_stage import TwoStage
from handbone.weights import read_set
from handbone.weights.network_file import read_card
from handbone.workflows.adapt import judging, run, settings
from handbone.workflows.adapt.mean_teacher import MeanTeacher
from handbone.workflows.adapt.pseudo_masks import PseudoMasks

QUICK = functools.partial(run.AdaptSettings, hands=2, round_steps=2)


@pytest.fixture
def call(base, radiographs, hand, monkeypatch):
    """Run `handbone adapt` on the radiographs in three steps; gives its result."""
    monkeypatch.setattr(settings, "AdaptSettings", QUICK)
    polygons = {n * COUNT + bone: polygons for n in range(3) for bone, polygons in hand.masks.polygons().items()}
    masks = PseudoMasks(hand.masks.size_hw, Frame.letterbox(hand.masks.size_hw, (64, 64)), polygons, {3: "absent"})
    monkeypatch.setattr("handbone.workflows.adapt.radiographs.outline", lambda *_: masks)

    def called(out, *more):
        words = ["adapt", radiographs, "-o", out, "--weights", base, "--steps", 3, *more]
        return CliRunner().invoke(app, [str(word) for word in words])

    return called


@pytest.mark.slow
def test_weights_are_adapted_interrupted_or_not(call, base, radiographs, tmp_path, monkeypatch):
    whole = call(tmp_path / "whole" / "mine", "--json")
    assert whole.exit_code == 0, whole.output
    result = json.loads(whole.stdout)
    assert result["weights"] == str(tmp_path / "whole" / "mine") and result["refused"] == []
    assert result["radiographs"] == 2 and len(result["bones"]) == 29
    # Two rounds of two radiographs, one of 29 bones left out.
    assert result["pseudo_masks"] == {"outlined": 4, "used": 4, "bones_used": 0.9655, "left_out": {"absent": 4}}
    assert result["flags"]["after"] <= result["flags"]["before"]

    learn = MeanTeacher.learn

    def stopped(self, own):
        if self.step == 1:
            raise KeyboardInterrupt
        return learn(self, own)

    out = tmp_path / "parts" / "mine"
    with monkeypatch.context() as patch:
        patch.setattr(MeanTeacher, "learn", stopped)
        broken = call(out)
    assert broken.exit_code == 130 and "Run the same command to continue" in broken.output and not out.exists()
    again = call(out)
    assert again.exit_code == 0, again.output
    assert "finger-19" in again.stdout and "Dice on synthetic hands" in again.stdout
    assert (out / "coarse.safetensors").read_bytes() == (tmp_path / "whole/mine/coarse.safetensors").read_bytes()

    _check_set(out, base)
    _check_nothing_of_patients(out, radiographs)
    report = tmp_path / "parts" / "mine_report"
    assert {path.name for path in report.iterdir()} == {"adapt.html", "adapt.json"}
    page = (report / "adapt.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 2 and "doe_0.png" in page and "http" not in page
    with pytest.raises(HandboneError, match="already contains a set of weights"):
        raise call(out).exception


def _check_set(out, base):
    found = read_set(out)
    found.verify()
    assert found.name == "mine" and found.licence == "Apache-2.0"
    assert "from small (coarse network's sha256" in found.card.data and "to 2 unlabelled" in found.card.data
    assert "Before that: Synthetic hands." in found.card.data and "Reads 64 pixels." in found.card.limits
    assert set(found.metrics["synthetic hands, Dice"]) == {"before", "after"}
    assert read_card(out / "coarse.safetensors").training["radiographs"] == 2
    old, new = (load_file(folder / "coarse.safetensors") for folder in (base, out))
    assert not all(torch.equal(old[name], new[name]) for name in old)
    assert (out / "refiner.safetensors").read_bytes() == (base / "refiner.safetensors").read_bytes()
    method = TwoStage.from_path(out)
    assert method.refine_stage is not None and method.settings == TwoStage.from_path(base).settings


def _check_nothing_of_patients(out, radiographs):
    for path in out.iterdir():
        data = path.read_bytes()
        assert b"doe" not in data and str(radiographs.parent).encode() not in data, path


def _damaged(self, own, learn=MeanTeacher.learn):
    """A step after which the teacher sees every bone everywhere."""
    loss = learn(self, own)
    with torch.no_grad():
        list(self.teacher.parameters())[-1].fill_(9.0)
    return loss


def _refused(call, out):
    result = call(out, "--json")
    assert result.exit_code == 1 and isinstance(result.exception, HandboneError)
    assert not out.exists() and json.loads(result.stdout)["weights"] is None
    page = out.with_name(f"{out.name}_report") / "adapt.html"
    assert "were not written" in page.read_text(encoding="utf-8")
    return str(result.exception)


@pytest.mark.slow
def test_weights_that_raise_the_flags_are_refused_and_nothing_is_written(call, tmp_path, monkeypatch):
    monkeypatch.setattr(MeanTeacher, "learn", _damaged)
    assert "flags on the radiographs rise" in _refused(call, tmp_path / "mine")


def test_weights_that_lose_on_synthetic_hands_are_refused_and_nothing_is_written(call, tmp_path, monkeypatch):
    # Untrained networks have no Dice to lose: no loss at all is then too much.
    monkeypatch.setattr(judging, "MOST_LOST", -0.001)
    assert "Dice on synthetic hands falls" in _refused(call, tmp_path / "mine")


def test_a_broken_radiograph_is_named_and_the_others_count(call, radiographs, tmp_path):
    whole = (radiographs / "doe_0.png").read_bytes()
    (radiographs / "cut.png").write_bytes(whole[:200])
    (radiographs / "notes.docx").write_bytes(b"notes")
    try:
        result = call(tmp_path / "mine", "--steps", 1)
    finally:
        (radiographs / "cut.png").unlink()
        (radiographs / "notes.docx").unlink()
    assert result.exit_code == 1 and (tmp_path / "mine" / "card.json").is_file(), result.output
    assert "cut.png" in result.stderr and "Ignored: 1 Office document" in result.stderr


def test_a_report_among_the_weights_is_refused_before_any_work(call, tmp_path):
    with pytest.raises(HandboneError, match="cannot be inside the folder of the weights"):
        raise call(tmp_path / "mine", "--report", tmp_path / "mine" / "report").exception
    (tmp_path / "mine_report").mkdir()
    (tmp_path / "mine_report" / "notes.txt").write_text("mine")
    with pytest.raises(HandboneError, match="something other"):
        raise call(tmp_path / "mine").exception
    with pytest.raises(HandboneError, match="is not a valid name"):
        raise call(tmp_path / "My Weights").exception


def test_where_no_hand_is_there_is_nothing_to_learn(call, radiographs, tmp_path, monkeypatch):
    monkeypatch.setattr("handbone.workflows.adapt.radiographs.outline", lambda *_: None)
    with pytest.raises(HandboneError, match="in any of the 2 radiographs"):
        raise call(tmp_path / "mine").exception
    assert not (tmp_path / "mine").exists()
    shutil.rmtree(tmp_path / "mine_report")
