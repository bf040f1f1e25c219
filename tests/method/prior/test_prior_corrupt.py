"""The corruptions that the anatomical prior learns from: of the kinds that networks make, and of nothing else."""

import pytest
import torch
from prior_hands import toy_hand

from handbone import anatomy
from handbone.method.prior import corrupt as corruptions
from handbone.method.prior import pairs
from handbone.method.prior.corrupt import corrupt
from handbone.method.prior.fields import blurred
from handbone.method.prior.pairs import training_pair
from handbone.method.prior.renamings import RENAMINGS, renaming_odds


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def hands():
    return toy_hand(size=128)[None].repeat(6, 1, 1, 1)


@pytest.fixture(scope="module")
def hurt(hands):
    return torch.ones(len(hands), dtype=torch.bool)


def test_the_same_generator_gives_the_same_masks_and_the_clean_ones_stay(hands):
    before = hands.clone()
    first, again, other = (corrupt(hands, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(hands, before)
    assert first.shape == hands.shape
    assert 0 <= first.min() <= first.max() <= 1


def test_some_hands_keep_their_contours(hands, monkeypatch):
    monkeypatch.setattr(corruptions, "_UNHURT", 1.0)
    same = ((corrupt(hands, generator()) > 0.5) == (hands > 0.5)).float().mean()
    assert same > 0.9995


@pytest.mark.parametrize(
    ("error", "odds", "least", "most"),
    [("_bite", "_BITTEN", 0.3, 0.999), ("_spur", "_SPURRED", 1.001, 3.0), ("_leak", "_LEAKING", 1.001, 4.0)],
)
def test_bites_take_and_spurs_and_leaks_add(hands, hurt, monkeypatch, error, odds, least, most):
    monkeypatch.setattr(corruptions, odds, 2.0)
    masks = hands.clone()
    getattr(corruptions, error)(masks, hurt, generator(3))
    changed = (masks != hands).flatten(2).any(-1)
    assert changed.float().mean() > 0.3
    ratio = (masks.sum((2, 3)) / hands.sum((2, 3)))[changed]
    assert least < ratio.mean() < most
    taken, added = (masks < hands).any(), (masks > hands).any()
    assert (bool(taken), bool(added)) == (most < 1, most > 1)


def test_patches_go_to_neighbours_and_nowhere_else(hands, hurt, monkeypatch):
    monkeypatch.setattr(corruptions, "_PATCHED", 0.05)
    masks = hands.clone()
    corruptions._patch(masks, hurt, generator(2))
    grown = torch.nonzero((masks > hands).flatten(2).any(-1)).tolist()
    assert grown
    for hand, bone in grown:
        came = (masks[hand, bone] > 0) & (hands[hand, bone] == 0)
        others = [
            anatomy.INDEX[b if a == anatomy.NAMES[bone] else a]
            for a, b in anatomy.NEIGHBOURS
            if anatomy.NAMES[bone] in (a, b)
        ]
        assert came.sum() > 0
        assert bool((hands[hand, others].amax(0)[came] > 0).all())


def test_renamings_only_exchange_names():
    assert len(RENAMINGS) == len(renaming_odds()) > 40
    for order in RENAMINGS:
        assert sorted(order) == list(range(anatomy.COUNT))
        assert order != tuple(range(anatomy.COUNT))
    swapped = list(range(anatomy.COUNT))
    a, b = anatomy.INDEX["Triquetrum"], anatomy.INDEX["Pisiform"]
    swapped[a], swapped[b] = b, a
    assert RENAMINGS[max(range(len(RENAMINGS)), key=renaming_odds().__getitem__)] == tuple(swapped)


def test_renamed_hands_hold_the_same_masks(hands, hurt, monkeypatch):
    monkeypatch.setattr(corruptions, "_RENAMED", 1.0)
    masks = corruptions._rename(hands, hurt, generator())
    assert (masks != hands).flatten(1).any(1).all()
    assert torch.equal(masks.sum(1), hands.sum(1))


def test_what_an_edge_hides_and_what_a_hand_lacks_is_in_neither_mask(monkeypatch):
    monkeypatch.setattr(pairs, "_AMPUTATED", 0.0)
    unformed = [anatomy.INDEX[name] for name in ("Trapezium", "Trapezoid", "Scaphoid", "Pisiform")]
    hands = toy_hand(absent=unformed, size=128)[None].repeat(4, 1, 1, 1)
    half = torch.zeros(4, 1, *hands.shape[-2:])
    half[..., 50:, :] = 1
    monkeypatch.setattr(pairs, "_visible", lambda *_: half)
    corrupted, target = training_pair(hands, generator(4))
    assert target[:, unformed].max() == 0
    assert target[..., :50, :].max() == corrupted[..., :50, :].max() == 0
    assert target[..., 50:, :].max() > 0.9


def test_edges_cut_some_hands_and_amputations_take_fingers_from_the_tip():
    visible = pairs._visible(400, 32, generator())
    assert visible[:, 0, 16, 16].min() == 1
    assert 0.2 < (visible.flatten(1).min(1).values == 0).float().mean() < 0.35
    there = pairs._there(2000, generator())
    assert 0.9 < (there.min(1).values == 1).float().mean() < 0.98
    # A phalanx never floats: where one stands, so does the next one towards the palm.
    for tip in [bone for bone in range(18) if bone not in anatomy.METACARPALS]:
        assert (there[:, tip] <= there[:, tip + 1]).all()


def test_frames_stray_a_little():
    hands = toy_hand(size=128)[None].repeat(32, 1, 1, 1)
    moved = pairs._reframed(hands, generator())
    capitate = anatomy.INDEX["Capitate"]
    rows = torch.arange(hands.shape[-1], dtype=torch.float32)
    centres = (moved[:, capitate].sum(2) * rows).sum(1) / moved[:, capitate].sum((1, 2))
    before = (hands[0, capitate].sum(1) * rows).sum() / hands[0, capitate].sum()
    assert 1.5 < (centres - before).std() < 8
    areas = moved[:, capitate].sum((1, 2)) / hands[0, capitate].sum()
    assert 0.8 < areas.min() < 0.97 < 1.03 < areas.max() < 1.26


@pytest.mark.parametrize("sigma", [1.8, 4.0])
def test_blurring_is_a_convolution_with_a_gaussian(sigma):
    masks = (torch.rand(3, 64, 64, generator=generator()) > 0.7).float()
    reach = round(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = torch.outer(kernel, kernel) / kernel.sum() ** 2
    expected = torch.nn.functional.conv2d(masks[:, None], kernel[None, None], padding=reach)[:, 0]
    assert (blurred(masks, sigma) - expected).abs().max() < 1e-5
