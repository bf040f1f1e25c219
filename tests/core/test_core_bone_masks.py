"""The value of 29 masks against dense arrays and the contest's own fill."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import contest_mask, dense_masks, hand_of_blobs

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, ShapeError

points = st.lists(st.tuples(st.integers(-20, 60), st.integers(-20, 60)), min_size=1, max_size=9)


@given(dense_masks())
def test_dense_there_and_back(dense):
    masks = BoneMasks.from_dense(dense)
    assert np.array_equal(masks.dense(), dense)
    assert BoneMasks.from_dense(masks.dense()) == masks
    assert all(np.array_equal(masks.mask(i), dense[i]) for i in range(COUNT))


@given(dense_masks())
def test_run_lengths_there_and_back(dense):
    masks = BoneMasks.from_dense(dense)
    assert BoneMasks.from_rle(masks.to_rle(), masks.size_hw) == masks


@given(dense_masks())
def test_metrics_agree_with_the_dense_masks(dense):
    masks = BoneMasks.from_dense(dense)
    flat = dense.reshape(COUNT, -1).astype(int)
    assert np.array_equal(masks.intersections(), flat @ flat.T)
    assert np.array_equal(masks.areas(), flat.sum(1))
    assert np.array_equal(masks.present(), dense.any((1, 2)))
    for index in range(COUNT):
        rows, columns = np.nonzero(dense[index])
        if len(rows):
            assert np.allclose(masks.centroids_xy()[index], (columns.mean(), rows.mean()))
        else:
            assert np.isnan(masks.centroids_xy()[index]).all()


@settings(deadline=None)
@given(st.lists(points, min_size=1, max_size=3))
def test_polygons_are_filled_as_the_contest_fills_them(polygons):
    masks = BoneMasks.from_polygons({5: [np.array(p, float) for p in polygons]}, (40, 50))
    assert np.array_equal(masks.mask(5), contest_mask(polygons, (40, 50)))


def test_a_hand_is_filled_as_the_contest_fills_it():
    polygons = hand_of_blobs(512)
    masks = BoneMasks.from_polygons(polygons, (512, 480))
    for index, own in polygons.items():
        assert np.array_equal(masks.mask(index), contest_mask(own, (512, 480)))


def test_overlapping_polygons_of_one_bone_leave_no_hole():
    square = np.array([[2, 2], [10, 2], [10, 10], [2, 10]])
    masks = BoneMasks.from_polygons({0: [square, square + 4]}, (20, 20))
    assert masks.mask(0)[7, 7]
    assert masks.areas()[0] == 9 * 9 * 2 - 5 * 5


def test_polygons_outside_the_image_or_without_points_are_absent():
    far = np.array([[100.0, 100], [120, 100], [120, 120]])
    masks = BoneMasks.from_polygons({0: [far], 1: [np.empty((0, 2))], 2: []}, (20, 20))
    assert not masks.present().any()
    assert masks == BoneMasks.from_dense(np.zeros((COUNT, 20, 20), bool))


def test_contours_give_the_masks_back():
    masks = BoneMasks.from_polygons(hand_of_blobs(300, seed=3), (300, 280))
    assert BoneMasks.from_polygons(masks.polygons(), masks.size_hw) == masks


def test_contours_fill_holes_and_keep_several_parts():
    dense = np.zeros((COUNT, 30, 30), bool)
    dense[4, 2:12, 2:12] = True
    dense[4, 5:8, 5:8] = False
    dense[4, 20:25, 20:28] = True
    polygons = BoneMasks.from_dense(dense).polygons()
    dense[4, 5:8, 5:8] = True
    assert list(polygons) == [4]
    assert len(polygons[4]) == 2
    assert BoneMasks.from_polygons(polygons, (30, 30)) == BoneMasks.from_dense(dense)


def test_replace_changes_only_the_given_bones():
    masks = BoneMasks.from_polygons(hand_of_blobs(128), (128, 128))
    dense = masks.dense()
    dense[7] = np.eye(128, dtype=bool)
    dense[9] = False
    assert masks.replace({7: dense[7], 9: dense[9]}) == BoneMasks.from_dense(dense)


def test_masks_do_not_change_with_the_array_they_came_from():
    dense = np.zeros((COUNT, 8, 8), bool)
    dense[3, 2:5, 2:5] = True
    masks = BoneMasks.from_dense(dense)
    dense[3] = False
    assert masks.areas()[3] == 9
    with pytest.raises(ValueError, match="read-only"):
        masks.crops[3][0, 0] = False


def test_values_are_equal_by_content():
    one = BoneMasks.from_polygons({0: [np.array([[1, 1], [4, 1], [4, 4]])]}, (8, 8))
    assert one == BoneMasks.from_rle(one.to_rle(), (8, 8))
    assert one != BoneMasks.from_rle(one.to_rle(), (9, 8))
    assert one != one.replace({1: np.eye(8, dtype=bool)})
    assert repr(one) == "BoneMasks(8 x 8, 1 of 29 bones)"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BoneMasks.from_dense(np.zeros((8, 8, 29), bool)), r"\(29, H, W\), but got \(8, 8, 29\)"),
        (lambda: BoneMasks.from_polygons({0: [np.zeros((3, 3))]}, (8, 8)), r"finger-1 must have the shape \(n, 2\)"),
        (lambda: BoneMasks.from_polygons({0: [np.full((3, 2), np.nan)]}, (8, 8)), "finger-1 has a point"),
        (lambda: BoneMasks.from_polygons({29: [np.ones((3, 2))]}, (8, 8)), "no bone with the index 29"),
        (lambda: BoneMasks.from_rle([""] * 28, (8, 8)), r"\(29,\), but got \(28,\)"),
    ],
)
def test_wrong_input_is_named(make, words):
    with pytest.raises(HandboneError, match=words):
        make()


def test_malformed_run_lengths_name_the_bone():
    texts = [""] * COUNT
    texts[INDEX["Lunate"]] = "60 9"
    with pytest.raises(HandboneError, match=r"^Lunate: the run '60 9' extends beyond the image"):
        BoneMasks.from_rle(texts, (8, 8))


def test_a_replaced_mask_of_another_size_is_refused():
    masks = BoneMasks.from_dense(np.zeros((COUNT, 8, 8), bool))
    with pytest.raises(ShapeError, match=r"\(8, 8\), but got \(8, 9\)"):
        masks.replace({0: np.zeros((8, 9), bool)})


def test_the_contest_fill_includes_the_outline():
    square = np.array([[2, 2], [5, 2], [5, 5], [2, 5]])
    assert BoneMasks.from_polygons({0: [square]}, (9, 9)).areas()[0] == 16
    assert cv2.contourArea(square.astype(np.float32)) == 9
