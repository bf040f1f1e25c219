"""What is known of two masks, against full arrays; and the weight of an ROI against distances to its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.method.evidence import Comparison, MergeEvidence, roi_mask, solidity
from handbone.method.merge import merge, paste_weight
from handbone.recipe import schema

BONE = 4


def blurred(rng, size_hw, rectangles):
    """Probabilities of one bone: rectangles of random strength, in steps of 1/255."""
    plane = np.zeros(size_hw)
    for left, top, width, height in rectangles:
        strength = rng.uniform(0.3, 1, plane[top : top + height, left : left + width].shape)
        plane[top : top + height, left : left + width] = strength
    dense = np.zeros((COUNT, *size_hw), np.float32)
    dense[BONE] = np.rint(plane * 255) / 255
    return BoneProbabilities.from_dense(dense)


rectangles = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 14), st.integers(1, 9), st.integers(1, 9)), max_size=3
)


def by_arrays(before, after, threshold, inside):
    """The definitions, word by word, on the whole image."""
    p, q = np.rint(before.dense()[BONE] * 255), np.rint(after.dense()[BONE] * 255)
    limit = max(255 * threshold, 5)
    old_everywhere, old, new = p >= limit, (p >= limit) & inside, (q >= limit) & inside
    mean_old = p[old].mean() / 255 if old.any() else 0.0
    mean_new = q[new].mean() / 255 if new.any() else 0.0
    if not old.any() or not new.any():
        return MergeEvidence(
            float(not old.any() and not new.any()),
            0.0 if old.any() else None,
            None,
            mean_old,
            mean_new,
            bool(not old.any() and old_everywhere.any()),
        )
    moved = np.argwhere(new).mean(0) - np.argwhere(old).mean(0)
    return MergeEvidence(
        2 * (old & new).sum() / (old.sum() + new.sum()),
        new.sum() / old.sum(),
        np.sqrt((moved**2).sum()) / np.sqrt(old.sum()),
        mean_old,
        mean_new,
        solidity_gain=solidity(new) - solidity(old),
    )


@settings(max_examples=150)
@given(rectangles, rectangles, st.data(), st.sampled_from([0.2, 0.5, 0.81]), st.integers(0, 10**6))
def test_evidence_agrees_with_arrays_of_the_whole_image(old, new, data, threshold, seed):
    rng, size_hw = np.random.default_rng(seed), (17, 25)
    before, after = blurred(rng, size_hw, old), blurred(rng, size_hw, new)
    left, right = sorted(data.draw(st.tuples(st.integers(0, 25), st.integers(0, 25))))
    top, bottom = sorted(data.draw(st.tuples(st.integers(0, 17), st.integers(0, 17))))
    box = Box(left, top, right, bottom)
    part = rng.random(box.size_hw) < 0.8
    inside = np.zeros(size_hw, bool)
    inside[top:bottom, left:right] = part
    masks = before.threshold(threshold), after.threshold(threshold)
    found = Comparison(before, after, threshold, box, part).of(BONE, masks)
    expected = by_arrays(before, after, threshold, inside)
    for name, value in vars(expected).items():
        got = getattr(found, name)
        assert got == value if value is None or isinstance(value, bool) else got == pytest.approx(value, abs=1e-4), name


def test_solidity_is_the_filled_share_of_the_hull_of_the_largest_part():
    """Polygons through the centres of outermost pixels: a square of 11 x 11 pixels has an area of 100."""
    mask = np.zeros((20, 30), bool)
    mask[2:13, 2:13] = True
    assert solidity(mask) == 1.0
    mask[2:18, 20] = True
    assert solidity(mask) == 1.0, "a line beside it has no say"
    mask[2:8, 7:13] = False
    # An L of 100 - 36 less the two half steps of the notch's corners; the hull cuts the missing corner in half.
    assert solidity(mask) == pytest.approx((100 - 36) / (100 - 18), abs=0.01)
    assert solidity(mask[:, 20:21]) == 1.0, "a line has no hull to fill"


@given(rectangles, st.integers(-3, 20), st.integers(-3, 20), st.integers(1, 12))
def test_a_part_of_a_mask_is_cut_as_from_the_whole(old, left, top, side):
    masks = blurred(np.random.default_rng(0), (17, 25), old).threshold(0.5)
    box = Box(max(left, 0), max(top, 0), min(max(left, 0) + side, 25), min(max(top, 0) + side, 17))
    if not box.is_empty:
        whole = masks.mask(BONE)[box.top : box.bottom, box.left : box.right]
        assert np.array_equal(roi_mask(masks, BONE, box), whole)


def weight_of(frame, feather, x, y):
    """How much one pixel counts: how deep it lies under each of four edges, in feathers, one after the other."""
    rows, columns = frame.size_hw
    ((u, v),) = frame.to_grid(np.array([[x, y]]))
    ramp = max(feather * min(rows, columns), 1e-3)
    across = min(u + 0.5, columns - 0.5 - u) / ramp
    down = min(v + 0.5, rows - 0.5 - v) / ramp
    return np.clip(across, 0, 1) * np.clip(down, 0, 1)


FRAMES = st.builds(
    Frame.around,
    st.tuples(st.floats(-10, 40), st.floats(-10, 30)),
    st.floats(6, 60),
    st.sampled_from([8, 32]),
    degrees=st.floats(-180, 180),
    mirrored=st.booleans(),
)


@settings(max_examples=60)
@given(FRAMES, st.sampled_from([0.0, 0.08, 0.5, 1.0]))
def test_the_weight_of_every_pixel_is_its_depth_in_feathers(frame, feather):
    size_hw = (21, 30)
    box, weight = paste_weight(frame, size_hw, feather)
    whole = np.zeros(size_hw)
    whole[box.top : box.bottom, box.left : box.right] = weight
    expected = [[weight_of(frame, feather, x, y) for x in range(size_hw[1])] for y in range(size_hw[0])]
    # On the edge itself a weight of 0 and one of 1 are one rounding apart where there is no feather.
    tolerance = 2e-3 if feather else 1.0
    assert np.abs(whole - expected).max() <= tolerance
    assert weight.min(initial=0) >= 0 and weight.max(initial=0) <= 1


@given(FRAMES, st.integers(0, 29), st.integers(0, 20))
def test_a_weight_within_a_box_is_that_part_of_all(frame, left, top):
    size_hw, within = (21, 30), Box(left, top, 30, 21)
    (box, weight), (part, few) = paste_weight(frame, size_hw, 0.1), paste_weight(frame, size_hw, 0.1, within=within)
    if part.is_empty:
        assert few.size == 0
    else:
        assert part == box.shared(within) and np.array_equal(few, weight[part.inside(box)])


def test_an_roi_beside_the_image_has_no_say():
    box, weight = paste_weight(Frame.around((500.0, 500.0), 20, 16), (40, 50), 0.1)
    assert box == (0, 0, 0, 0) and weight.shape == (0, 0) and weight.dtype == np.float32


@settings(max_examples=40)
@given(rectangles, rectangles, st.floats(8, 30), st.integers(0, 10**6))
def test_what_is_merged_is_the_weighted_mean_of_both(old, new, side, seed):
    rng, size_hw = np.random.default_rng(seed), (17, 25)
    coarse, refined = blurred(rng, size_hw, old), blurred(rng, size_hw, new)
    frame = Frame.around((12.0, 8.0), side, 16)
    limits = schema.Merge(min_agreement=0.0, area_ratio=(0.0, 1e9), max_shift=1e9)
    merged = merge(coarse, refined, frame, limits, bones=(BONE,))
    (decision,) = merged.decisions
    assert decision.roi == "" and decision.degradation is None
    if not decision.used:
        assert merged.probabilities == coarse
        return
    weight = np.array([[weight_of(frame, limits.feather, x, y) for x in range(size_hw[1])] for y in range(size_hw[0])])
    before, after = coarse.dense()[BONE], refined.dense()[BONE]
    expected = before + weight * (after - before)
    got = merged.probabilities.dense()[BONE]
    # What falls below the least probability that is kept is gone.
    assert np.abs(np.where(expected * 255 < 5, got, got - expected)).max() <= 1.5 / 255 + 5 / 255 * (
        expected.min() * 255 < 5
    )
