"""Whether labels are where a hand has these bones: exchanged names are found, and right ones are left alone."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import CARPALS, COUNT, INDEX, NAMES, NEIGHBOURS
from handbone.core.bone_masks import BoneMasks
from handbone.data.audit.label_overlap import dice, dice_table, match, moved
from handbone.data.plausible import REFERENCE_AREAS, doubts, hand_unit
from handbone.synthetic import draw_hand

FINGERS = [range(3, 7), range(7, 11), range(11, 15), range(15, 19)]


@pytest.fixture(scope="module")
def hands():
    return [draw_hand(seed, size=512).masks.polygons() for seed in range(3)]


def exchanged(polygons, *pairs):
    renamed = dict(polygons)
    for a, b in pairs:
        renamed[a], renamed[b] = polygons[b], polygons[a]
    return renamed


def swaps(polygons):
    return [set(doubt.bones) for doubt in doubts(polygons) if doubt.rule == "swapped-labels"]


def test_right_labels_are_not_doubted_whatever_is_missing(hands):
    for seed, polygons in enumerate(hands):
        gone = np.random.default_rng(seed).permutation(COUNT)[:8]
        assert swaps(polygons) == []
        assert swaps({b: p for b, p in polygons.items() if b not in gone}) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("finger-8", "finger-16"),
        ("Radius", "Capitate"),
        ("finger-1", "finger-19"),
        ("Lunate", "finger-11"),
        ("Ulna", "Scaphoid"),
    ],
)
def test_two_labels_in_each_other_s_places_are_named(hands, one, other):
    pair = INDEX[one], INDEX[other]
    for polygons in hands:
        assert swaps(exchanged(polygons, pair)) == [set(pair)]


@pytest.mark.parametrize(("a", "b"), combinations(range(4), 2))
def test_two_whole_fingers_are_one_doubt(hands, a, b):
    pairs = list(zip(FINGERS[a], FINGERS[b], strict=True))
    for polygons in hands:
        found = swaps(exchanged(polygons, *pairs))
        assert found == [{bone for pair in pairs for bone in pair}]


def test_fingers_in_the_opposite_order_are_one_doubt(hands):
    pairs = [*zip(FINGERS[0], FINGERS[3], strict=True), *zip(FINGERS[1], FINGERS[2], strict=True)]
    for polygons in hands:
        (found,) = swaps(exchanged(polygons, *pairs))
        assert found == set(range(3, 19))
        message = next(d.message for d in doubts(exchanged(polygons, *pairs)) if d.rule == "swapped-labels")
        assert message.startswith("the labels finger-") and message.endswith(" look swapped")


def test_two_exchanges_in_one_hand_are_two_doubts(hands):
    found = swaps(exchanged(hands[0], (INDEX["finger-8"], INDEX["finger-16"]), (INDEX["Radius"], INDEX["Capitate"])))
    assert sorted(map(sorted, found)) == [[7, 15], [21, 27]]


@pytest.mark.parametrize("factor", [0.2, 0.5, 2.0, 7.0])
def test_size_and_place_of_a_hand_do_not_count(hands, factor):
    swapped = exchanged(hands[1], (INDEX["finger-8"], INDEX["finger-16"]))
    scaled = {bone: [p * factor + 1000 for p in contours] for bone, contours in swapped.items()}
    assert swaps(scaled) == swaps(swapped)


@given(st.sets(st.integers(0, COUNT - 1), min_size=1), st.floats(20, 900))
def test_a_unit_is_that_of_the_areas_whatever_bones_there_are(bones, unit):
    areas = np.where(np.isin(np.arange(COUNT), list(bones)), REFERENCE_AREAS * unit**2, 0.0)
    found = hand_unit(areas)
    whole = [b for b in bones if NAMES[b] not in ("Radius", "Ulna")]
    assert found == pytest.approx(unit) if whole else np.isnan(found)


@given(st.sets(st.integers(0, 26), min_size=1, max_size=12), st.floats(0.01, 100))
def test_a_few_wrong_areas_do_not_move_the_unit(wrong, factor):
    areas = REFERENCE_AREAS * 100.0**2
    areas[list(wrong)] *= factor
    # More than half of 27 are right: the median is one of theirs.
    assert hand_unit(areas) == pytest.approx(100.0)


@pytest.mark.parametrize(("gap", "doubted"), [(20, False), (29, False), (34, True), (300, True)])
def test_parts_of_a_bone_lie_within_three_tenths_of_a_metacarpal(gap, doubted):
    """A hand of squares whose unit is 100."""
    from handbone.method.pose.canonical import CENTROIDS_XY

    half = np.sqrt(REFERENCE_AREAS) * 50
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    polygons = {b: [corners * half[b] + CENTROIDS_XY[b] * 100 + 900] for b in range(COUNT)}
    edge = polygons[18][0]
    polygons[18] = [edge, edge + np.array([2 * half[18] + gap, 0])]
    found = [d for d in doubts(polygons) if d.rule == "far-apart"]
    assert [d.bones for d in found] == ([(18,)] if doubted else [])
    if doubted:
        assert found[0].message == f"contours of finger-19 are {gap} pixels apart"
        del polygons[20]
        (one,) = [d for d in doubts(polygons) if d.rule == "far-apart"]
        assert one.message.endswith("; one may be Trapezoid, which is missing")


def random_masks(seed, size_hw=(24, 30)):
    rng = np.random.default_rng(seed)
    dense = np.zeros((COUNT, *size_hw), bool)
    for bone in range(8):
        if rng.random() < 0.8:
            top, left = rng.integers(0, 18), rng.integers(0, 24)
            dense[bone, top : top + rng.integers(1, 9), left : left + rng.integers(1, 9)] = True
    return BoneMasks.from_dense(dense)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_table_of_dice_is_that_of_all_pairs_of_arrays(one, other):
    a, b = random_masks(one), random_masks(other)
    left, right = a.dense().reshape(COUNT, -1).astype(float), b.dense().reshape(COUNT, -1).astype(float)
    total = left.sum(1)[:, None] + right.sum(1)[None]
    expected = np.divide(2 * left @ right.T, total, out=np.zeros((COUNT, COUNT)), where=total > 0)
    table = dice_table(a, b)
    assert table == pytest.approx(expected)
    assert all(dice(a, i, b, j) == pytest.approx(expected[i, j]) for i, j in ((0, 0), (1, 3), (7, 2), (20, 20)))


def test_a_mask_that_is_moved_out_of_the_image_keeps_its_shape_and_shares_less():
    masks = random_masks(0)
    for offset in ([3.4, -2.6], [100.0, 0.0], [0.0, 0.0]):
        part = moved(masks, 0, np.array(offset))
        assert part.areas()[0] == masks.areas()[0] and not part.areas()[1:].any()
        assert part.boxes_xyxy[0].tolist() == (masks.boxes_xyxy[0] + np.rint([*offset, *offset]).astype(int)).tolist()
    assert dice(masks, 0, moved(masks, 0, np.array([100.0, 0.0])), 0) == 0


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.6]))
def test_a_match_is_one_to_one_and_takes_no_pair_that_is_worse_than_what_it_leaves(seed, least):
    rng = np.random.default_rng(seed)
    table = np.where(rng.random((COUNT, COUNT)) < 0.1, rng.random((COUNT, COUNT)), 0.0)
    table[np.diag_indices(COUNT)] = rng.random(COUNT)
    found = match(table, max(least, 1e-9))
    assert len(set(found.values())) == len(found) and all(table[a, b] >= least for a, b in found.items())
    scored = table + 0.05 * np.eye(COUNT)
    for a, b in np.argwhere(table >= max(least, 1e-9)).tolist():
        taken = [scored[a, found[a]]] if a in found else []
        taken += [scored[r, c] for r, c in found.items() if c == b]
        assert taken and max(taken) >= scored[a, b] - 1e-12, (
            "no pair is left that is better than both it stands against"
        )


def test_a_tie_goes_to_the_label_s_own_name():
    table = np.zeros((COUNT, COUNT))
    table[3, 3], table[3, 4] = 0.70, 0.74
    assert match(table, 0.5) == {3: 3}
    table[3, 4] = 0.76
    assert match(table, 0.5) == {3: 4}


def test_neighbours_are_pairs_of_different_bones_and_every_carpal_has_some():
    assert all(a != b and INDEX[a] < INDEX[b] for a, b in NEIGHBOURS)
    touching = {name for pair in NEIGHBOURS for name in pair}
    assert {NAMES[bone] for bone in CARPALS} <= touching
