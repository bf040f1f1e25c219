"""The training of what fuses the refiner with the coarse masks, for a moment: what it sees, and what it leaves."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from handbone.anatomy import CARPALS
from handbone.core.errors import HandboneError
from handbone.networks.architectures.fusion import Fusion
from handbone.weights.network_file import load_weights, save_weights

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "docs" / "zero_shot_gpu"), str(ROOT / "tests" / "weights")]
import fuse  # noqa: E402
from trainee import starting_point  # noqa: E402
from weights_small import save  # noqa: E402

SHIPPED = ROOT / "handbone" / "weights" / "zero_shot"


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


def test_batches_keep_the_windows_of_a_carpal_together(windows, monkeypatch):
    monkeypatch.setattr(fuse, "_MOVED", 0.0)
    seen, own, truth = next(fuse.batches(windows, lambda grey: grey, np.random.default_rng(0), 2))
    assert seen.shape == (16, 5, 256, 256) and own.shape == truth.shape == (16, 256, 256)
    chosen = np.random.default_rng(0).integers(0, 3, 2)
    for place in range(16):
        carpal, hand = divmod(place, 2)
        wanted = torch.from_numpy(windows.seen[chosen[hand], carpal]).float() / 127
        assert torch.allclose(seen[place, 1:], wanted[1:])
        assert torch.allclose(torch.tanh(own[place] / 4), wanted[1].clamp(-0.996, 0.996), atol=1e-4)


def test_coarse_masks_are_sometimes_moved_and_nothing_else_is(windows):
    source = fuse.batches(windows, lambda grey: grey, np.random.default_rng(0), 2)
    moved = []
    for seen, _, truth in (next(source) for _ in range(6)):
        # Each window is one of those that were drawn, but for the coarse masks.
        for place, window in enumerate(seen):
            drawn = torch.from_numpy(windows.seen[:, place // 2]).float() / 127
            (own,) = [each for each in drawn if torch.equal(each[1:3], window[1:3])]
            moved.append(not torch.equal(own[3:], window[3:]))
        assert truth.min() >= 0 and truth.max() <= 1
    assert 0.05 < np.mean(moved) < 0.3


def test_it_leaves_the_trunk_as_it_was_and_a_network_that_was_changed(windows, tmp_path, monkeypatch):
    monkeypatch.setattr(fuse, "_SETTLING", 2)
    monkeypatch.setattr(fuse, "drawn", lambda *_, **__: windows)
    fuse.main(["--out", str(tmp_path), "--hands", "3", "--seconds", "0.01"])
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
    monkeypatch.setattr(fuse, "_SETTLING", 2)
    monkeypatch.setattr(fuse, "drawn", lambda *_, **__: windows)
    for stage in ("coarse", "refiner"):
        save_weights(tmp_path / "start" / f"{stage}.safetensors", *starting_point(SHIPPED, stage))
    started = []
    monkeypatch.setattr(fuse, "Fusion", lambda: started.append(Fusion()) or started[-1])
    fuse.main(["--out", str(tmp_path), "--start", str(tmp_path / "start"), "--hands", "3", "--seconds", "0.01"])
    network, _ = load_weights(tmp_path / "refiner.safetensors")
    # It begins with zeros. Adam's first step is as long as the rate, which is a 60th of the highest one.
    assert len(started) == 1
    assert network.fusion.unet.head.weight.abs().max().item() == pytest.approx(fuse._RATE / 60, rel=0.05)


def test_untrained_networks_are_named(tmp_path):
    for stage in ("coarse", "refiner"):
        save(tmp_path / f"{stage}.safetensors", stage)
    with pytest.raises(HandboneError, match="no hand was found in any image; start from trained weights"):
        fuse.drawn(1, 1, start=tmp_path, seed=0)
