"""The ROI must lie where the wrist is, whatever the coarse masks get wrong."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages_hands import hand_points, masks_at

from handbone.anatomy import CARPALS, COUNT, INDEX, NAMES
from handbone.core.frame import Frame
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors, frame_error, jitter_frame, measure_frame_errors
from handbone.method.roi_placement import place_roi
from handbone.recipe import schema

ROI = schema.Roi()


def moved_by(frame: Frame, other: Frame) -> float:
    """Largest distance in image pixels between the same corners of two ROIs."""
    return float(np.linalg.norm(frame.corners_xy - other.corners_xy, axis=1).max())


def middle_of(frame: Frame) -> np.ndarray:
    return frame.to_image(np.array([[(frame.size_hw[1] - 1) / 2, (frame.size_hw[0] - 1) / 2]]))[0]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [-50, 0, 35, 170])
def test_the_hand_stands_upright_with_the_thumb_on_the_left(degrees, mirrored):
    points = hand_points(degrees=degrees, mirrored=mirrored, unit=300.0, at=np.array([1024.0, 1024.0]))
    decision = place_roi(masks_at(points), ROI, 512)
    assert decision.fallback == "none" and decision.reason == ""
    assert decision.mirrored is mirrored
    assert (decision.degrees - degrees + 180) % 360 - 180 == pytest.approx(0, abs=6)
    assert decision.mc3_length_px == pytest.approx(300, rel=0.08)
    grid = decision.frame.to_grid(points)
    assert grid[INDEX["finger-11"], 1] < 50 < 440 < grid[INDEX["Radius"], 1]
    assert grid[INDEX["Trapezium"], 0] < grid[INDEX["Capitate"], 0] < grid[INDEX["Triquetrum"], 0]


def test_every_hand_fills_the_same_part_of_the_grid():
    grids = []
    for seed, (degrees, mirrored, unit) in enumerate([(0, False, 440), (40, True, 300), (-30, False, 380)]):
        points = hand_points(degrees=degrees, mirrored=mirrored, unit=unit, noise=0.0, seed=seed)
        grids.append(place_roi(masks_at(points), ROI, 512).frame.to_grid(points)[list(CARPALS)])
    assert np.abs(grids[0] - grids[1]).max() < 3 and np.abs(grids[0] - grids[2]).max() < 3


@pytest.mark.parametrize("bone", ["Capitate", "Lunate", "Radius", "finger-11"])
@pytest.mark.parametrize("seed", range(4))
def test_a_missing_bone_hardly_moves_the_roi(bone, seed):
    points = hand_points(degrees=20, seed=seed)
    whole = place_roi(masks_at(points), ROI, 512)
    points[INDEX[bone]] = np.nan
    without = place_roi(masks_at(points), ROI, 512)
    assert without.missing == (bone,)
    assert moved_by(without.frame, whole.frame) < 14
    assert np.linalg.norm(middle_of(without.frame) - middle_of(whole.frame)) < 4


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("where", [(60, 60), (1900, 300), (1000, 2000), (1000, 700)])
def test_a_misplaced_capitate_has_no_say(where, seed):
    points = hand_points(degrees=-15, seed=seed)
    whole = place_roi(masks_at(points), ROI, 512)
    points[INDEX["Capitate"]] = where
    wrong = place_roi(masks_at(points), ROI, 512)
    assert "Capitate" in wrong.outliers and wrong.fallback == "none"
    assert np.linalg.norm(middle_of(wrong.frame) - middle_of(whole.frame)) < 4


@pytest.mark.parametrize(
    "pair", [("Capitate", "finger-11"), ("Capitate", "Lunate"), ("Capitate", "Radius"), ("Capitate", "Trapezium")]
)
@pytest.mark.parametrize("seed", range(3))
def test_swapped_labels_hardly_move_the_roi(pair, seed):
    points = hand_points(seed=seed)
    whole = place_roi(masks_at(points), ROI, 512)
    first, second = (INDEX[name] for name in pair)
    points[[first, second]] = points[[second, first]]
    swapped = place_roi(masks_at(points), ROI, 512)
    assert swapped.fallback == "none" and swapped.mirrored == whole.mirrored
    assert np.linalg.norm(middle_of(swapped.frame) - middle_of(whole.frame)) < 8
    assert "Capitate" in swapped.outliers


def test_few_agreeing_anchors_give_a_wider_roi_with_a_reason():
    points = hand_points()
    whole = place_roi(masks_at(points), ROI, 512)
    for name in NAMES:
        if name not in ("Capitate", "Hamate", "Lunate", "finger-11", "finger-3"):
            points[INDEX[name]] = np.nan
    decision = place_roi(masks_at(points), ROI, 512)
    assert decision.fallback == "wider" and "5 of 15" in decision.reason
    assert whole.frame.scale / decision.frame.scale == pytest.approx(ROI.fallback_scale, rel=0.15)


@pytest.mark.parametrize("seen", [(), ("Capitate",), ("Capitate", "Lunate")])
def test_almost_nothing_seen_gives_the_whole_image_with_a_reason(seen):
    points = hand_points()
    for name in NAMES:
        if name not in seen:
            points[INDEX[name]] = np.nan
    decision = place_roi(masks_at(points, size=2048), ROI, 256)
    assert decision.fallback == "whole" and decision.reason and decision.mc3_length_px is None
    assert decision.frame == Frame.letterbox((2048, 2048), (256, 256))


def test_scattered_masks_are_not_a_hand():
    rng = np.random.default_rng(3)
    decision = place_roi(masks_at(rng.uniform(100, 1900, (COUNT, 2))), ROI, 256)
    assert decision.fallback != "none" and decision.reason


def test_the_settings_switch_turning_mirroring_and_rescaling_off():
    plain = schema.Roi(turn=False, mirror=False, rescale=False, size_px=600)
    points = hand_points(degrees=30, mirrored=True, unit=300)
    decision = place_roi(masks_at(points), plain, 300)
    assert not decision.mirrored
    assert decision.frame.matrix[:, :2] == pytest.approx(np.eye(2) / 2)


def test_a_roi_around_other_bones():
    points = hand_points()
    tips = tuple(INDEX[n] for n in ("finger-4", "finger-8", "finger-12"))
    decision = place_roi(masks_at(points), schema.Roi(anchors=("fingers",)), 512, bones=tips)
    grid = decision.frame.to_grid(points)[list(tips)]
    assert (grid > 0).all() and (grid < 511).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.floats(-180, 180), st.floats(100, 460))
def test_there_and_back_is_exact(seed, mirrored, degrees, unit):
    points = hand_points(degrees=degrees, mirrored=mirrored, unit=unit, seed=seed)
    frame = jitter_frame(place_roi(masks_at(points), ROI, 768).frame, NO_ERRORS, np.random.default_rng(seed))
    assert np.abs(frame.to_image(frame.to_grid(points)) - points).max() < 0.05


def test_a_disc_comes_back_to_its_place_from_a_roi_off_the_edge():
    image = np.zeros((400, 300), np.float32)
    cv2.circle(image, (280, 380), 12, 1.0, -1, cv2.LINE_AA)
    frame = Frame.around((290, 390), 160, 320, degrees=37, mirrored=True)
    back = frame.unwarp(frame.warp(image), image.shape)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for place in (x, y):
        assert (place * back).sum() / back.sum() == pytest.approx((place * image).sum() / image.sum(), abs=0.05)
    assert np.abs(back - image).mean() < 1e-3


def test_jitter_errs_by_what_was_measured():
    frame = Frame.around((500, 600), 512, 256, degrees=20, mirrored=True)
    rng = np.random.default_rng(0)
    errors = FrameErrors(rng.normal(0, 1, (200, 4)) * (0.05, 0.02, 6.0, 0.08))
    drawn = np.array([frame_error(jitter_frame(frame, errors, rng), frame) for _ in range(600)])
    assert drawn.std(0) == pytest.approx([0.05, 0.02, 6.0, 0.08], rel=0.25)
    assert np.abs(drawn.mean(0)).max() < 0.6
    assert jitter_frame(frame, errors, rng, strength=0.0) == frame


def test_frame_error_is_what_was_put_in():
    frame = Frame.around((500, 600), 512, 256)
    known = FrameErrors(np.array([[0.04, -0.03, 8.0, 0.1]]))

    class Same:
        def draw(self, rng, strength):
            return known.samples[0]

    assert frame_error(jitter_frame(frame, Same(), None), frame) == pytest.approx(known.samples[0])
    assert frame_error(Frame.around((500, 600), 512, 256, mirrored=True), frame) is None


def test_measured_errors_follow_the_coarse_masks_and_survive_json():
    ground_truths = [hand_points(seed=s) for s in range(6)]
    rng = np.random.default_rng(1)
    pairs = [(masks_at(t + rng.normal(0, 8, t.shape)), masks_at(t)) for t in ground_truths]
    pairs.append((masks_at(np.full((COUNT, 2), np.nan)), masks_at(ground_truths[0])))
    errors = measure_frame_errors(pairs, ROI, 512)
    assert errors.samples.shape == (6, 4) and errors.lost == 1
    assert np.abs(errors.samples[:, :2]).max() < 0.05
    assert np.array_equal(FrameErrors.from_json(errors.to_json()).samples, errors.samples.round(5))
    assert (NO_ERRORS.spread > 0).all()


def test_a_roi_says_when_the_bones_do_not_tell_left_from_right():
    """Bones of one finger lie on a line, which fits a hand and its mirror image alike."""
    line = schema.Roi(anchors=("finger-8", "finger-9", "finger-10", "finger-11"))
    whole = place_roi(masks_at(hand_points(noise=0.0)), ROI, 512)
    doubtful = place_roi(masks_at(hand_points(noise=0.0)), line, 512)
    assert whole.fallback == "none" and whole.reason == ""
    assert doubtful.fallback == "wider" and "left from a right" in doubtful.reason


@pytest.mark.parametrize(
    ("share", "fits"), [(0.028, False), (0.033, True), (0.1, True), (0.55, True), (0.65, False), (0.9, False)]
)
def test_a_hand_is_no_smaller_and_no_larger_than_an_image_can_hold(share, fits):
    """The third metacarpal takes from 0.03 to 0.6 of the image's longer side."""
    points = hand_points(unit=share * 2048, at=np.array([1024.0, 1024.0]), noise=0.0)
    masks = masks_at(np.where((points > 8) & (points < 2039), points, np.nan), size=2048)
    decision = place_roi(masks, ROI, 512)
    if fits:
        assert decision.fallback != "whole" and decision.mc3_length_px == pytest.approx(share * 2048, rel=0.03)
    else:
        assert decision.fallback == "whole" and "which is no hand" in decision.reason
