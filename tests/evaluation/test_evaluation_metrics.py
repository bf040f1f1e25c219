"""Dice, NSD, HD95 and boundary IoU against all distances between all boundary pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import ShapeError
from handbone.evaluation.metrics import assd, both_empty, boundary_iou, dice_contest, hd95, iou, nsd

planes = hnp.arrays(bool, (9, 11), elements=st.booleans(), fill=st.booleans())


def only(plane: np.ndarray, bone: int = 0) -> BoneMasks:
    dense = np.zeros((COUNT, *plane.shape), bool)
    dense[bone] = plane
    return BoneMasks.from_dense(dense)


def boundary_points(plane: np.ndarray) -> np.ndarray:
    """(n, 2) pixels with an upper, lower, left or right neighbour, or the image's edge, outside the mask."""
    points = []
    for row, column in zip(*np.nonzero(plane), strict=True):
        for there in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            outside = not (0 <= there[0] < plane.shape[0] and 0 <= there[1] < plane.shape[1])
            if outside or not plane[there]:
                points.append((row, column))
                break
    return np.array(points, float).reshape(-1, 2)


def all_distances(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    between = np.linalg.norm(boundary_points(a)[:, None] - boundary_points(b)[None], axis=2)
    return between.min(1), between.min(0)


@given(planes, planes)
def test_dice_is_the_contest_s_formula(a, b):
    expected = (2 * np.count_nonzero(a & b) + 1e-4) / (a.sum() + b.sum() + 1e-4)
    found = dice_contest(only(a, 3), only(b, 3))
    assert found[3] == pytest.approx(expected, abs=1e-12)
    assert (np.delete(found, 3) == 1).all()
    assert list(both_empty(only(a, 3), only(b, 3))) == [
        not (a.any() or b.any()) if i == 3 else True for i in range(COUNT)
    ]


@settings(deadline=None)
@given(planes, planes, st.sampled_from([0.0, 1.0, 1.5, 3.0]))
def test_boundary_metrics_agree_with_all_distances(a, b, tolerance):
    found_nsd, found_hd95 = nsd(only(a), only(b), tolerance)[0], hd95(only(a), only(b))[0]
    if not a.any() and not b.any():
        assert np.isnan(found_nsd)
        assert np.isnan(found_hd95)
    elif not a.any() or not b.any():
        assert found_nsd == 0
        assert found_hd95 == pytest.approx(np.hypot(9, 11))
    else:
        there, back = all_distances(a, b)
        assert found_nsd == pytest.approx(np.mean(np.concatenate([there, back]) <= tolerance + 1e-6))
        assert found_hd95 == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-4)


def inner_band(plane: np.ndarray, width: float) -> np.ndarray:
    """The pixels of a mask that are nearer than `width` to one of its boundary pixels."""
    band, boundary = np.zeros(plane.shape, bool), boundary_points(plane)
    for pixel in np.argwhere(plane):
        band[tuple(pixel)] = (np.linalg.norm(boundary - pixel, axis=1) < width - 1e-6).any()
    return band


@settings(deadline=None)
@given(planes, planes, st.sampled_from([0.5, 1.0, 1.7, 2.0, 2.5]))
def test_boundary_iou_agrees_with_bands_of_all_pixels(a, b, width):
    found = boundary_iou(only(a, 5), only(b, 5), width)
    assert np.isnan(np.delete(found, 5)).all()
    band, other = inner_band(a, width), inner_band(b, width)
    if not band.any() and not other.any():
        assert np.isnan(found[5])
    else:
        assert found[5] == pytest.approx(np.count_nonzero(band & other) / np.count_nonzero(band | other))


def test_boundary_iou_sees_what_dice_hides():
    a, b = np.zeros((80, 80), bool), np.zeros((80, 80), bool)
    a[10:70, 10:70] = True
    b[11:69, 11:69] = True
    assert dice_contest(only(a), only(b))[0] == pytest.approx(0.966, abs=1e-3)
    # Bands two pixels wide: 60² - 56² and 58² - 54² pixels, and 58² - 56² of both.
    assert boundary_iou(only(a), only(b), 2.0)[0] == pytest.approx(228 / (464 + 448 - 228))
    assert boundary_iou(only(a), only(np.zeros_like(a)))[0] == 0
    # A band as wide as the mask is the mask: plain IoU.
    assert boundary_iou(only(a), only(b), 100)[0] == pytest.approx(58**2 / 60**2)


@given(planes, planes)
def test_metrics_do_not_know_which_is_the_ground_truth(a, b):
    one, other = only(a), only(b)
    for metric in (dice_contest, hd95, boundary_iou, lambda x, y: nsd(x, y, 1.0)):
        assert np.array_equal(metric(one, other), metric(other, one), equal_nan=True)


def test_a_square_moved_by_two_pixels():
    a, b = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    a[10:30, 10:30] = True
    b[10:30, 12:32] = True
    assert dice_contest(only(a), only(b))[0] == pytest.approx(0.9)
    assert hd95(only(a), only(b))[0] == pytest.approx(2)
    assert nsd(only(a), only(b), 2.0)[0] == 1
    # Of 76 boundary pixels each, one side's 20 lie two pixels from the other boundary, and 16 of the opposite side's,
    # which ends on or beside the other's upper and lower edge.
    assert nsd(only(a), only(b), 1.0)[0] == pytest.approx(1 - 2 * 36 / 152)


def test_images_of_other_sizes_are_refused():
    for metric in (dice_contest, hd95, boundary_iou, lambda x, y: nsd(x, y, 1.0)):
        with pytest.raises(ShapeError, match=r"\(4, 4\) like the ground truth's, but got \(4, 5\)"):
            metric(only(np.ones((4, 4), bool)), only(np.ones((4, 5), bool)))


@settings(deadline=None)
@given(planes, planes)
def test_iou_and_mean_distance_agree_with_all_pixels(a, b):
    found_iou, found_assd = iou(only(a), only(b))[0], assd(only(a), only(b))[0]
    if not a.any() and not b.any():
        assert np.isnan(found_iou) and np.isnan(found_assd)
        return
    assert found_iou == np.count_nonzero(a & b) / np.count_nonzero(a | b)
    one_side = not a.any() or not b.any()
    wanted = np.hypot(9, 11) if one_side else np.concatenate(all_distances(a, b)).mean()
    assert found_assd == pytest.approx(wanted, abs=1e-5)
    assert np.isnan(iou(only(a), only(b))[1:]).all()
