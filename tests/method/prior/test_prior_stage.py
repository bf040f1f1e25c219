"""What the anatomical prior does to masks, with priors that stand in for a trained one."""

import cv2
import numpy as np
import pytest
from prior_hands import toy_hand

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.prior.names import renamed_order, wrong_names
from handbone.method.prior.stage import PriorStage
from handbone.method.settings import PriorSettings

TRIQUETRUM, PISIFORM, CAPITATE = (anatomy.INDEX[name] for name in ("Triquetrum", "Pisiform", "Capitate"))
BASE = anatomy.INDEX["finger-7"]
INDEX_FINGER, MIDDLE_FINGER = (3, 4, 5, 6), (7, 8, 9, 10)
ZOOM = 2


@pytest.fixture(scope="module")
def hand():
    """Float32 (29, 512, 512), the toy hand in an image twice as fine as the canonical grid."""
    return np.stack([cv2.resize(plane, None, fx=ZOOM, fy=ZOOM) > 0.5 for plane in toy_hand().numpy()])


def whole(_):
    """A prior that expects the toy hand whatever it sees."""
    return 16 * toy_hand().numpy() - 8


def content(masks):
    """A prior that finds every hand plausible."""
    return 16 * (masks > 0.5).astype(np.float32) - 8


def judged(planes, logits=whole, **settings):
    probabilities = BoneProbabilities.from_dense(planes.astype(np.float32))
    chosen = PriorSettings(**{"rename": True, "repair": ("all",), **settings})
    after, report = PriorStage(logits, chosen)(probabilities)
    return after.threshold(0.5).dense(), report


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def exchanged(planes, *pairs):
    order = list(range(anatomy.COUNT))
    for a, b in pairs:
        order[a], order[b] = order[b], order[a]
    return planes[order]


def test_a_right_hand_stays_as_it_is(hand):
    after, report = judged(hand)
    assert np.array_equal(after, hand)
    assert report.agreement.min() > 0.85
    assert report.renamed == report.mended == report.expected == ()


@pytest.mark.parametrize("pairs", [((TRIQUETRUM, PISIFORM),), tuple(zip(INDEX_FINGER, MIDDLE_FINGER, strict=True))])
def test_exchanged_names_are_put_right_and_said(hand, pairs):
    wrong = exchanged(hand, *pairs)
    after, report = judged(wrong)
    names = {(anatomy.NAMES[a], anatomy.NAMES[b]) for a, b in pairs}
    assert set(report.renamed) == names | {(b, a) for a, b in names}
    assert np.array_equal(after, hand)
    assert not judged(wrong, rename=False)[1].renamed


def test_names_that_anatomy_allows_stay(hand):
    wrong = exchanged(hand, (TRIQUETRUM, PISIFORM))
    after, report = judged(wrong, content)
    assert np.array_equal(after, wrong)
    assert report.renamed == ()


def test_names_stay_where_the_prior_likes_the_new_ones_no_better(hand):
    answers = iter([whole(None), np.full_like(whole(None), -8.0)])
    wrong = exchanged(hand, (TRIQUETRUM, PISIFORM))
    after, report = judged(wrong, lambda _: next(answers), repair=None)
    assert np.array_equal(after, wrong)
    assert report.renamed == ()


def test_only_clear_exchanges_change_names():
    seen = np.ones(anatomy.COUNT, bool)
    table = 0.9 * np.eye(anatomy.COUNT)
    assert wrong_names(table, seen) == []
    # Three names in a ring.
    polygon = table.copy()
    polygon[[3, 7, 11], [3, 7, 11]] = 0.0
    polygon[[3, 7, 11], [7, 11, 3]] = 0.8
    groups = wrong_names(polygon, seen)
    assert [set(group.items()) for group in groups] == [{(3, 7), (7, 11), (11, 3)}]
    order = renamed_order(groups)
    assert (order[7], order[11], order[3], order[0]) == (3, 7, 11, 0)
    # One of the three fits its own name, too.
    half = polygon.copy()
    half[7, 7] = 0.6
    assert wrong_names(half, seen) == []


def test_a_mask_goes_to_a_free_name_and_never_onto_another_mask():
    table = 0.9 * np.eye(anatomy.COUNT)
    table[3, 3], table[3, 7] = 0.1, 0.8
    seen = np.ones(anatomy.COUNT, bool)
    assert wrong_names(table, seen) == []
    # The other mask fits no bone, but is there.
    table[7, 7] = 0.0
    assert wrong_names(table, seen) == []
    seen[7] = False
    assert wrong_names(table, seen) == [{3: 7}]
    assert renamed_order([{3: 7}])[3] is None


def spurred(hand):
    """A tongue of 20 x 60 pixels from a metacarpal into the web space."""
    planes = hand.copy()
    rows, columns = np.nonzero(hand[BASE])
    planes[BASE, rows.min() : rows.min() + 20, columns.min() - 45 : columns.min() + 15] = True
    return planes


def bitten(hand):
    planes = hand.copy()
    rows, columns = np.nonzero(hand[BASE])
    planes[BASE, int(rows.mean()) - 12 : int(rows.mean()) + 12, int(columns.mean()) - 2 :] = False
    return planes


@pytest.mark.parametrize("perturbed", [spurred, bitten])
def test_spurs_are_cut_and_bites_filled_and_other_bones_stay(hand, perturbed):
    wrong = perturbed(hand)
    assert dice(wrong[BASE], hand[BASE]) < 0.93
    after, report = judged(wrong)
    assert dice(after[BASE], hand[BASE]) > max(0.94, dice(wrong[BASE], hand[BASE]) + 0.03)
    others = [bone for bone in range(anatomy.COUNT) if bone != BASE]
    assert np.array_equal(after[others], hand[others])
    (name, taken, added) = report.mended[0]
    assert name == "finger-7" and len(report.mended) == 1
    assert (taken > 0, added > 0) == (perturbed is spurred, perturbed is bitten)


def test_a_card_that_says_nothing_changes_no_mask(hand):
    wrong = exchanged(spurred(hand), (TRIQUETRUM, PISIFORM))
    probabilities = BoneProbabilities.from_dense(wrong.astype(np.float32))
    after, report = PriorStage(whole, PriorSettings.model_validate({}))(probabilities)
    assert after == probabilities
    assert report.renamed == report.mended == () and report.agreement[PISIFORM] < 0.7


def test_bones_that_do_not_take_part_are_judged_only(hand):
    wrong = spurred(hand)
    after, report = judged(wrong, repair=("carpals",))
    assert np.array_equal(after, wrong)
    assert report.mended == () and report.agreement[BASE] < 0.93


def test_what_is_not_surely_the_bone_is_not_mended(hand):
    wrong = hand.copy()
    wrong[CAPITATE] = np.roll(hand[CAPITATE], 18, axis=1)
    after, report = judged(wrong, rename=False)
    assert np.array_equal(after, wrong)
    assert report.agreement[CAPITATE] < 0.7


def test_carpals_that_a_child_lacks_are_not_invented(hand):
    unformed = [anatomy.INDEX[name] for name in ("Trapezium", "Trapezoid", "Scaphoid", "Pisiform")]
    child = hand.copy()
    child[unformed] = False
    after, report = judged(child)
    assert np.array_equal(after, child)
    assert set(report.expected) == {anatomy.NAMES[bone] for bone in unformed}
    assert judged(child, content)[1].expected == ()


def test_bones_that_the_images_edge_cuts_stay(hand):
    top = 120
    cut = hand[:, top:, :]
    after, report = judged(cut, lambda _: whole(None))
    assert np.array_equal(after, cut)
    assert (cut.any((1, 2)) & (cut.sum((1, 2)) < hand.sum((1, 2)))).any()
    # Bones beyond the edge are not looked for.
    assert not set(report.expected) & {anatomy.NAMES[b] for b in np.flatnonzero(~cut.any((1, 2)))}


def test_forearms_go_on_beyond_the_square_that_the_prior_sees(hand):
    radius, below = anatomy.INDEX["Radius"], 200
    longer = np.pad(hand, ((0, 0), (0, below), (0, 0)))
    columns = np.flatnonzero(hand[radius].any(0))
    longer[radius, 350:, columns.min() : columns.max()] = True
    longer[radius, 400:420, columns.max() : columns.max() + 40] = True
    expected = whole(None)
    # The prior itself expects a shaft to leave the square as wide as it is.
    left, right = columns.min() // ZOOM, columns.max() // ZOOM
    expected[radius, 350 // ZOOM :, left:right] = 8.0
    after, report = judged(longer, lambda _: expected)
    assert report.mended[0][0] == "Radius" and not after[radius, 410, columns.max() + 20]
    assert np.array_equal(after[radius, 530:], longer[radius, 530:])


def test_nothing_agrees_where_no_hand_is(hand):
    after, report = judged(np.zeros_like(hand))
    assert not after.any() and report.agreement.max() == 0
