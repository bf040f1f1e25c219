"""What is judged before and after, what changed, and when weights are refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from handbone.anatomy import INDEX
from handbone.method.quality_control import Flag
from handbone.workflows.adapt import judging, run
from handbone.workflows.adapt.changes import compare
from handbone.workflows.adapt.judging import MOST_LOST, Outlined, mean_dice, refusals
from handbone.workflows.adapt.settings import AdaptSettings


def dice(value):
    return np.full((4, 29), value)


def test_weights_that_are_no_worse_may_be_written():
    assert refusals(dice(0.95), dice(0.95 - MOST_LOST), 5, 5) == []
    assert refusals(dice(0.95), dice(0.99), 5, 0) == []


def test_weights_that_lose_on_synthetic_hands_are_refused():
    (reason,) = refusals(dice(0.95), dice(0.95 - MOST_LOST - 1e-4), 5, 5)
    assert "falls from 0.9500 to 0.9469" in reason


def test_weights_that_raise_the_flags_are_refused():
    assert refusals(dice(0.95), dice(0.99), 5, 6) == ["flags on the radiographs rise from 5 to 6"]


def test_bones_that_no_hand_shows_do_not_count():
    values = dice(0.9)
    values[:, 3] = np.nan
    values[0, 4] = np.nan
    values[1:, 4] = 0.6
    assert mean_dice(values) == pytest.approx((27 * 0.9 + 0.6) / 28)


def test_a_radiograph_is_outlined_once_and_read_back(hand, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    monkeypatch.setattr(judging, "read_image", lambda _: SimpleNamespace(image=np.zeros(hand.masks.size_hw)))
    flags = [Flag("apart", ("Lunate", "Radius"), "lie apart")]
    monkeypatch.setattr(judging, "flags", lambda *_: flags)
    final = SimpleNamespace(threshold=lambda _: hand.masks)
    calls = []
    method = SimpleNamespace(threshold=0.5, predict=lambda image: calls.append(1) or SimpleNamespace(final=final))
    for _ in range(2):
        judging.outline_all(method, [path], tmp_path / "out", "Outlining")
    assert len(calls) == 1
    (found,) = judging.outlined(tmp_path / "out", 1)
    assert found.masks == hand.masks and found.flags == (("apart", ("Lunate", "Radius")),)


def test_synthetic_hands_are_scored_once(hand, tmp_path):
    final = SimpleNamespace(threshold=lambda _: hand.masks)
    method = SimpleNamespace(
        threshold=0.5, coarse_stage=SimpleNamespace(size=64), predict=lambda _: SimpleNamespace(final=final)
    )
    stream = SimpleNamespace(
        hand=SimpleNamespace(polygons=hand.masks.polygons(), size_hw=hand.masks.size_hw, load=lambda: hand.image)
    )
    settings = AdaptSettings(hands=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "SyntheticStream", lambda *_: SimpleNamespace(draw=lambda *_: stream.hand))
        scores = judging.score_synthetic(method, settings, tmp_path, "Synthetic hands")
    assert scores.shape == (2, 29) and (scores == 1).all()
    file = tmp_path / "001.json"
    file.write_text(json.dumps([None] + 28 * [0.5]))
    scores = judging.score_synthetic(None, settings, tmp_path, "Synthetic hands")
    assert np.isnan(scores[1, 0]) and scores[1, 1] == 0.5


def test_synthetic_hands_are_judged_as_predict_reads_them_from_a_file(hand, tmp_path, monkeypatch):
    seen, final = [], SimpleNamespace(threshold=lambda _: hand.masks)
    method = SimpleNamespace(
        threshold=0.5,
        coarse_stage=SimpleNamespace(size=64),
        predict=lambda image: seen.append(image) or SimpleNamespace(final=final),
    )
    for name, grey in (("plain", hand.image), ("dark", 200 - (hand.image * 0.6).astype(np.uint8))):
        drawn = SimpleNamespace(polygons=hand.masks.polygons(), size_hw=hand.masks.size_hw, load=lambda grey=grey: grey)
        monkeypatch.setattr(judging, "SyntheticStream", lambda *_, drawn=drawn: SimpleNamespace(draw=lambda *_: drawn))
        judging.score_synthetic(method, AdaptSettings(hands=1), tmp_path / name, "Synthetic hands")
    plain, dark = seen
    assert np.abs(plain - dark).max() < 0.02, "bones bright, over the whole range"


def test_changes_count_pixels_areas_and_flags(hand):
    bone, other = INDEX["Lunate"], INDEX["Radius"]
    whole = hand.masks.mask(bone)
    half = whole.copy()
    half[np.flatnonzero(whole.any(1))[::2]] = False
    after = hand.masks.replace({bone: half, other: np.zeros_like(half)})
    flags = (("apart", ("Lunate", "Radius")),)
    pairs = [(Outlined(hand.masks, flags), Outlined(after)), (Outlined(None, error="cut"), Outlined(None, error="cut"))]
    changes = compare(["a.png", "b.png"], pairs)
    lunate, radius, still = changes.bones[bone], changes.bones[other], changes.bones[0]
    assert lunate.area_ratio == round(half.sum() / whole.sum(), 4) == pytest.approx(1 - lunate.changed)
    assert (lunate.flags_before, lunate.flags_after) == (1, 0)
    assert (radius.changed, radius.area_ratio, radius.found_before, radius.found_after) == (1, 0, 1, 0)
    assert (still.changed, still.area_ratio) == (0, 1)
    assert (changes.flags_before, changes.flags_after) == (1, 0)
    assert 0 < changes.radiographs[0].changed < 1 and changes.radiographs[1].error == "cut"


def test_progress_is_gone_on_with_only_where_everything_is_the_same(tmp_path):
    coarse, image = tmp_path / "coarse.safetensors", tmp_path / "a.png"
    coarse.write_text("weights")
    image.write_text("image")

    def mark(steps=3, **settings):
        return run._fingerprint((coarse, None), [image], steps, AdaptSettings(**settings))

    first = mark()
    progress = run._claim(tmp_path / "report", first)
    (progress / "checkpoint.pt").write_text("state")
    assert (run._claim(tmp_path / "report", mark()) / "checkpoint.pt").exists()
    others = [mark(steps=4), mark(seed=1)]
    image.write_text("another image")
    others.append(mark())
    image.write_text("image")
    coarse.write_text("other weights")
    others.append(mark())
    assert len({first, *others}) == 5
    assert not (run._claim(tmp_path / "report", others[0]) / "checkpoint.pt").exists()
