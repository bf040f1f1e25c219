"""The training of what fuses the refiner with the coarse masks, for a moment: what it sees, and what it leaves."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from handbone.anatomy import CARPALS
from handbone.core.errors import HandboneError
from handbone.weights.network_file import load_weights, save_weights

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "docs" / "zero_shot_gpu"), str(ROOT / "tests" / "weights")]
import fuse  # noqa: E402
import fusing  # noqa: E402
from trainee import rate_factor, starting_point  # noqa: E402
from weights_small import save  # noqa: E402

SHIPPED = ROOT / "handbone" / "weights" / "zero_shot"
AS_IT_IS = SimpleNamespace(normalised=lambda grey: grey)


def run_for_a_moment(windows, monkeypatch, folder, *options):
    """One step, a 60th as long as the longest."""
    monkeypatch.setattr(fuse, "_SETTLING", 2)
    monkeypatch.setattr(fuse, "drawn", lambda *_, **__: windows)
    monkeypatch.setattr(fuse, "rate_factor", lambda share: 1 / 60)
    fuse.main(["--out", str(folder), "--hands", "3", "--seconds", "0.01", *options])


@pytest.fixture(scope="module")
def windows():
    found = fuse.drawn(3, 1, start=SHIPPED, seed=1)
    assert len(found.truth) == 3
    return found


def test_windows_show_what_both_networks_say_and_what_is_true(windows):
    assert windows.seen.shape == (3, len(CARPALS), 5, 256, 256) and windows.truth.shape == (3, len(CARPALS), 256, 256)
    grey, logit, _, coarse, _ = np.moveaxis(windows.seen.astype(np.float32) / 127, 2, 0)
    assert grey.min() >= 0 and grey.std() > 0.02
    truth = windows.truth > 127
    assert truth.any((2, 3)).mean() > 0.5  # children lack some
    for said in (logit > 0, coarse > 0):
        assert 2 * (said & truth).sum() / (said.sum() + truth.sum()) > 0.8


def test_hands_are_seen_as_predict_reads_them_from_a_file(monkeypatch):
    monkeypatch.setattr(fuse, "_SPOILT", 0.0)
    plain, draw = fuse.look(0, start=SHIPPED, seed=1), fuse.draw_hand

    def dark_and_inverted(*given, **asked):
        hand = draw(*given, **asked)
        top = np.iinfo(hand.image.dtype).max
        return replace(hand, image=(0.8 * top - 0.6 * hand.image).astype(hand.image.dtype))

    monkeypatch.setattr(fuse, "draw_hand", dark_and_inverted)
    other = fuse.look(0, start=SHIPPED, seed=1)
    assert np.abs(plain.seen[:, :, 0].astype(int) - other.seen[:, :, 0]).max() <= 3, "bones bright, the whole range"
    assert np.abs(plain.seen.astype(int) - other.seen).mean() < 1


def test_batches_keep_the_windows_of_a_carpal_together(windows, monkeypatch):
    monkeypatch.setattr(fusing, "_MOVED", 0.0)
    seen, truth = next(fuse.batches(windows, AS_IT_IS, np.random.default_rng(0), 2))
    assert seen.shape == (16, 5, 256, 256) and truth.shape == (16, 1, 256, 256)
    chosen = np.random.default_rng(0).integers(0, 3, 2)
    for place in range(16):
        carpal, hand = divmod(place, 2)
        wanted = torch.from_numpy(windows.seen[chosen[hand], carpal]).float() / 127
        assert torch.allclose(seen[place, 1:], wanted[1:])
        assert torch.allclose(truth[place, 0], torch.from_numpy(windows.truth[chosen[hand], carpal]).float() / 255)


def test_coarse_masks_are_sometimes_moved_and_nothing_else_is(windows):
    source = fuse.batches(windows, AS_IT_IS, np.random.default_rng(0), 2)
    moved = []
    for seen, truth in (next(source) for _ in range(6)):
        # Each window is one of those that were drawn, but for the coarse masks.
        for place, window in enumerate(seen):
            drawn = torch.from_numpy(windows.seen[:, place // 2]).float() / 127
            (own,) = [each for each in drawn if torch.equal(each[1:3], window[1:3])]
            moved.append(not torch.equal(own[3:], window[3:]))
        assert truth.min() >= 0 and truth.max() <= 1
    assert 0.05 < np.mean(moved) < 0.3


def test_it_leaves_the_trunk_as_it_was_and_a_network_that_was_changed(windows, tmp_path, monkeypatch):
    run_for_a_moment(windows, monkeypatch, tmp_path)
    network, card = load_weights(tmp_path / "refiner.safetensors")
    assert card.model.name == "unetplusplus_fusion" and card.in_channels == 30
    assert card.training["hands"] == 3 and card.training["steps"] >= 1
    trunk, _ = starting_point(SHIPPED, "refiner")
    for (name, tensor), before in zip(network.trunk.state_dict().items(), trunk.state_dict().values(), strict=True):
        assert torch.allclose(tensor.float(), before.float(), atol=1e-3), name
    # Its one step is small, and so a network that was trained has stayed nearly as it was.
    known = load_weights(SHIPPED / "refiner.safetensors")[0].fusion
    head, before = network.fusion.unet.head.weight, known.unet.head.weight
    assert torch.allclose(head, before, atol=1e-3) and not torch.equal(head, before)


def test_a_trunk_alone_gets_a_new_network(windows, tmp_path, monkeypatch):
    for stage in ("coarse", "refiner"):
        save_weights(tmp_path / "start" / f"{stage}.safetensors", *starting_point(SHIPPED, stage))
    run_for_a_moment(windows, monkeypatch, tmp_path, "--start", str(tmp_path / "start"))
    network, _ = load_weights(tmp_path / "refiner.safetensors")
    # It begins with zeros, and Adam's first step is as long as the rate.
    assert network.fusion.unet.head.weight.abs().max().item() == pytest.approx(fusing.RATE / 60, rel=0.05)


def test_the_averaged_fusion_is_saved(tmp_path):
    trainee = fusing.FusionTrainee(SHIPPED, device=torch.device("cpu"))
    with torch.no_grad():
        trainee.averaged.module.fusion.trust.fill_(3.0)
        trainee.network.fusion.trust.fill_(5.0)
    network, _ = load_weights(trainee.save(tmp_path, {}))
    assert network.fusion.trust.item() == 3.0


def test_the_loss_is_bce_and_the_mean_dice_of_windows():
    rng = np.random.default_rng(3)
    logits, target = (
        rng.normal(0, 2, (4, 1, 6, 5)),
        (rng.random((4, 1, 6, 5)) < [[[[0.1]]], [[[0.5]]], [[[0.0]]], [[[1]]]]),
    )
    likely = 1 / (1 + np.exp(-logits))
    bce = -np.mean(np.where(target, np.log(likely), np.log(1 - likely)))
    overlaps = [(2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1) for p, t in zip(likely, target, strict=True)]
    loss = fusing.FusionLoss()(torch.from_numpy(logits), torch.from_numpy(target.astype(np.float32)))
    assert loss.item() == pytest.approx(2 * bce + 1 - np.mean(overlaps), rel=1e-5)


def test_the_rate_rises_shortly_and_falls_to_nothing():
    assert rate_factor(0.0) == 0 and rate_factor(0.015) == pytest.approx(0.5, rel=0.01)
    assert rate_factor(0.5) == pytest.approx(0.5) and rate_factor(1.0) == pytest.approx(0) == rate_factor(1.2)


def test_untrained_networks_are_named(tmp_path):
    for stage in ("coarse", "refiner"):
        save(tmp_path / f"{stage}.safetensors", stage)
    with pytest.raises(HandboneError, match="no hand was found in any image; start from trained weights"):
        fuse.drawn(1, 1, start=tmp_path, seed=0)
