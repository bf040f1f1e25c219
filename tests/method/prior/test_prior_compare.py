"""How masks compare with what the prior expects, against numpy and scipy, and which names change hands."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prior_hands import toy_hand

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.prior.canonical import SIZE, canonical_coverage, canonical_frame, grid_box
from handbone.method.prior.compare import LEAST_PX, agreement, dice_table, plausibilities
from handbone.method.prior.fields import blobs, outline_points, size_of, smooth_noise, tongues, uniform
from handbone.method.prior.names import renamed_order, wrong_names
from handbone.method.prior.pairs import training_pair
from handbone.method.prior.renamings import RENAMINGS, renaming_odds, swap_pairs

COUNT = anatomy.COUNT


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def grids(seed, side=12, empty=0.3):
    rng = np.random.default_rng(seed)
    planes = rng.random((2, COUNT, side, side)).astype(np.float32)
    planes[rng.random((2, COUNT)) < empty] = 0
    return planes


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_agreement_is_twice_the_lesser_over_the_sum(seed):
    coverage, expected = grids(seed)
    for one, other in zip(coverage, expected, strict=True):
        total = one.sum() + other.sum()
        by_hand = 2 * np.minimum(one, other).sum() / total if total >= LEAST_PX else 1.0
        assert agreement(one, other) == pytest.approx(by_hand, abs=6e-5) == agreement(other, one)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_a_table_holds_the_dice_of_every_pair_of_masks(seed):
    coverage, expected = grids(seed)
    table = dice_table(coverage, expected)
    for a, b in itertools.product(range(0, COUNT, 5), range(0, COUNT, 4)):
        one, other = coverage[a] > 0.5, expected[b] > 0.5
        total = one.sum() + other.sum()
        assert table[a, b] == pytest.approx(2 * (one & other).sum() / total if total else 0.0)


def test_each_bone_is_told_its_area_and_whose_mask_it_fits_best():
    coverage, expected = np.zeros((2, COUNT, 20, 20), np.float32)
    coverage[3, 2:10, 2:10], expected[3, 2:10, 2:6] = 1, 1
    coverage[4, 12:18, 12:18], expected[5, 12:18, 12:18] = 1, 1
    coverage[6, :2, :2], expected[7, 15:17, 2:5] = 1, 1
    found = plausibilities(coverage, expected, dice_table(coverage, expected))
    assert (found[3].agreement, found[3].area_ratio, found[3].best) == (round(64 / 96, 4), 2.0, anatomy.NAMES[3])
    assert (found[4].agreement, found[4].area_ratio, found[4].best) == (0.0, None, anatomy.NAMES[5])
    assert found[4].best_agreement == 1 and found[5].agreement == 0 and found[5].area_ratio == 0
    assert found[6].best is None and found[6].best_agreement == 0
    # Six pixels are not there: nothing is expected of that bone.
    assert found[7].agreement == 1 and found[7].area_ratio is None and found[0].agreement == 1


def table_of(*, own=0.9, **moves):
    """Dice where every mask fits its own name but for some: old="new fit own"."""
    table = own * np.eye(COUNT)
    for old, (new, fit, left) in moves.items():
        a = int(old[1:])
        table[a, a], table[a, new] = left, fit
    return table


@pytest.mark.parametrize(
    ("fit", "left", "changes"),
    [(0.9, 0.1, True), (0.56, 0.2, True), (0.54, 0.1, False), (0.7, 0.46, False), (0.72, 0.46, True)],
)
def test_two_masks_exchange_names_where_they_fit_well_and_much_better(fit, left, changes):
    table = table_of(b4=(5, fit, left), b5=(4, fit, left))
    groups = wrong_names(table, np.ones(COUNT, bool))
    assert groups == ([{4: 5, 5: 4}] if changes else [])
    order = renamed_order(groups)
    assert order[4] == (5 if changes else 4) and order[5] == (4 if changes else 5)
    assert [o for n, o in enumerate(order) if n not in (4, 5)] == [n for n in range(COUNT) if n not in (4, 5)]


def test_a_chain_ends_at_a_name_that_is_free():
    seen = np.ones(COUNT, bool)
    seen[9] = False
    table = table_of(b7=(8, 0.9, 0.0), b8=(9, 0.9, 0.0))
    assert wrong_names(table, seen) == [{7: 8, 8: 9}]
    order = renamed_order([{7: 8, 8: 9}])
    assert (order[7], order[8], order[9]) == (None, 7, 8)
    table[9, 9] = 0.0
    assert wrong_names(table, np.ones(COUNT, bool)) == [], "its mask stays under the last name"


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_renaming_loses_no_mask_and_doubles_none(seed):
    rng = np.random.default_rng(seed)
    seen = rng.random(COUNT) < 0.8
    table = np.where(rng.random((COUNT, COUNT)) < 0.1, rng.random((COUNT, COUNT)), 0)
    order = renamed_order(wrong_names(table, seen))
    kept = [old for old in order if old is not None]
    assert len(kept) == len(set(kept))
    lost = set(np.flatnonzero(seen)) - set(kept)
    assert not lost


@pytest.mark.parametrize(("degrees", "mirrored"), [(0, False), (35, False), (-80, True)])
def test_coverage_on_the_canonical_grid_is_that_of_whole_warped_planes(degrees, mirrored):
    rng = np.random.default_rng(1)
    masks = BoneMasks.from_crops(
        {
            bone: (rng.random((11, 14)) < 0.8, (int(rng.integers(0, 90)), int(rng.integers(0, 70))))
            for bone in (0, 7, 28)
        },
        (81, 104),
    )
    probabilities = BoneProbabilities.from_masks(masks)
    for side in (40.0, 110.0, 300.0):
        frame = Frame.around((50, 40), side, 64, degrees=degrees, mirrored=mirrored)
        found = canonical_coverage(probabilities, frame)
        dense = masks.dense()
        for bone in (0, 7, 28):
            whole = frame.warp(np.pad(dense[bone], 0).astype(np.float32))
            # Beyond the image there is nothing, as beyond a crop.
            assert np.abs(found[bone] - whole).mean() < 0.004, side
        assert not found[1].any()


@settings(max_examples=40)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 30), st.floats(20, 200), st.floats(-180, 180))
def test_a_box_of_the_grid_holds_the_box_of_the_image(left, top, side, size, degrees):
    frame = Frame.around((40, 40), size, 48, degrees=degrees)
    box = [left, top, left + side, top + side]
    x0, y0, x1, y1 = grid_box(box, frame)
    assert x0 >= 0 and x1 <= 48 and y0 >= 0 and y1 <= 48
    x, y = np.meshgrid(np.arange(left, left + side), np.arange(top, top + side))
    for column, row in frame.to_grid(np.stack([x.ravel(), y.ravel()], 1)):
        if 0 <= column <= 47 and 0 <= row <= 47:
            assert x0 <= column < x1 and y0 <= row < y1


def test_no_bone_has_no_canonical_frame():
    assert canonical_frame(BoneMasks.from_crops({}, (50, 50))) is None
    one = BoneMasks.from_crops({3: (np.ones((5, 5), bool), (9, 9))}, (50, 50))
    assert canonical_frame(one) is None and SIZE == 256


def test_renamings_are_orders_of_names_and_none_is_the_identity():
    assert len(RENAMINGS) == len(renaming_odds()) == len(set(RENAMINGS)) or min(renaming_odds()) > 0
    for order in RENAMINGS:
        assert sorted(order) == list(range(COUNT)) and order != tuple(range(COUNT))
    for a, b in swap_pairs():
        assert a < b or (b, a) not in swap_pairs()
        order = list(range(COUNT))
        order[a], order[b] = b, a
        assert tuple(order) in RENAMINGS


def test_random_fields_have_their_sizes_and_their_generators_values():
    noise = smooth_noise(3, 6, 40, generator=generator(1))
    assert noise.shape == (3, 40, 40) and torch.equal(noise, smooth_noise(3, 6, 40, generator=generator(1)))
    values = uniform(-2, 5, 1000, generator=generator(2))
    assert values.min() >= -2 and values.max() < 5 and values.mean() == pytest.approx(1.5, abs=0.3)
    assert size_of(torch.zeros(2, 4, 4)).tolist() == [1, 1] and size_of(torch.ones(1, 6, 6)).tolist() == [6]


@pytest.mark.parametrize("seed", range(3))
def test_points_of_a_contour_lie_on_it_and_point_outwards(seed):
    y, x = torch.meshgrid(torch.arange(60.0), torch.arange(60.0), indexing="ij")
    masks = (torch.hypot(x - 30, y - 28) < 15).float().repeat(20, 1, 1)
    px, py, outward = outline_points(masks, generator=generator(seed))
    away = torch.stack([px.flatten() - 30, py.flatten() - 28], 1)
    assert (away.norm(dim=1) - 15).abs().max() < 2.1
    assert ((away / away.norm(dim=1, keepdim=True)) * outward).sum(1).min() > 0.95


def test_blobs_and_tongues_lie_where_they_are_put():
    at = torch.full((8, 1, 1), 32.0)
    found = blobs(at, at, torch.full((8,), 8.0), 64, generator=generator(3))
    assert found[:, 32, 32].all() and set(found.unique().tolist()) == {0.0, 1.0}
    assert found.sum((1, 2)).mean() == pytest.approx(torch.pi * 64, rel=0.3)
    direction = torch.tensor([[1.0, 0.0]]).repeat(8, 1)
    strips = tongues(at, at, direction, torch.full((8,), 20.0), torch.full((8,), 8.0), side=64, generator=generator(4))
    assert strips[:, 32, 34:48].all() and not strips[:, :, 60:].any() and not strips[:, :, :22].any()
    assert not strips[:, :20].any() and not strips[:, 44:].any()


def test_pairs_for_training_agree_on_what_is_there(monkeypatch):
    clean = toy_hand(size=96)[None].repeat(12, 1, 1, 1)
    corrupted, target = training_pair(clean, generator(5))
    assert corrupted.shape == target.shape == clean.shape
    assert target.min() >= 0 and target.max() <= 1 and corrupted.min() >= 0 and corrupted.max() <= 1
    again = training_pair(clean, generator(5))
    assert torch.equal(again[0], corrupted) and torch.equal(again[1], target)
