"""Where networks look, in coordinates: turned views, errors of frames, turned passes and areas of several hands."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages_hands import hand_points, masks_at

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.method.hand_areas import areas
from handbone.method.locate import Location, turned
from handbone.method.outcome import MethodResult
from handbone.method.perturb import perturb
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors, frame_error, jitter_frame, measure_frame_errors
from handbone.method.several_hands import in_whole_image
from handbone.method.tta import VIEWS, View, tta_mean, views_of
from handbone.recipe import schema

FRAMES = st.builds(
    Frame.around,
    st.tuples(st.floats(-20, 120), st.floats(-20, 120)),
    st.floats(20, 200),
    st.sampled_from([17, 32, 65]),
    degrees=st.floats(-180, 180),
    mirrored=st.booleans(),
)
POINTS = np.random.default_rng(0).uniform(-50, 150, (9, 2))


def middle(frame):
    return (np.array(frame.size_hw[::-1]) - 1) / 2


@settings(max_examples=40)
@given(FRAMES, st.floats(-40, 40), st.floats(0.7, 1.4))
def test_a_view_turns_the_grid_about_its_middle_as_opencv_does(frame, degrees, magnification):
    seen = View(degrees=degrees, magnification=magnification).of_frame(frame)
    matrix = cv2.getRotationMatrix2D(tuple(middle(frame)), -degrees, magnification)
    expected = frame.to_grid(POINTS) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(seen.to_grid(POINTS), expected, atol=1e-8)
    assert seen.size_hw == frame.size_hw and seen.scale == pytest.approx(frame.scale * magnification)


@pytest.mark.parametrize(
    "names", [(), ("turned",), ("brightness",), ("turned", "brightness"), ("brightness", "turned")]
)
def test_views_are_every_combination_once(names):
    found = views_of(names)
    expected = 1
    for name in names:
        expected *= len(VIEWS[name])
    assert len(found) == len(set(found)) == expected and View() in found
    assert views_of((*names, *names)) == found


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_mean_over_grey_values_is_that_of_logits(seed):
    rng = np.random.default_rng(seed)
    frame = Frame.letterbox((24, 30), (32, 32))
    given = {view: rng.normal(0, 3, (29, 32, 32)).astype(np.float32) for view in VIEWS["brightness"]}
    found = tta_mean(frame, (24, 30), VIEWS["brightness"], lambda _, view: given[view])
    expected = BoneProbabilities.from_grid_logits(
        np.mean(list(given.values()), axis=0, dtype=np.float32), frame, (24, 30)
    )
    for one, other in zip(found.crops, expected.crops, strict=True):
        assert one.shape == other.shape
        assert one.size == 0 or np.abs(one.astype(int) - other).max() <= 1


def test_each_turned_view_is_asked_once_in_its_own_frame():
    frame, asked = Frame.letterbox((20, 20), (32, 32)), []

    def logits(seen, view):
        asked.append((seen, view))
        return np.full((29, 32, 32), -5.0, np.float32)

    tta_mean(frame, (20, 20), views_of(("turned", "brightness")), logits)
    assert [view for _, view in asked] == list(views_of(("turned", "brightness")))
    assert all(seen == view.of_frame(frame) for seen, view in asked) and len({seen for seen, _ in asked}) == 5


@settings(max_examples=40)
@given(FRAMES, st.integers(-5, 9), st.booleans())
def test_quarter_turns_of_a_pass_are_numpys(frame, turns, mirrored):
    grid = np.arange(frame.size_hw[0] * frame.size_hw[1]).reshape(frame.size_hw)
    expected = np.rot90(grid, -turns)
    expected = expected[:, ::-1] if mirrored else expected
    seen = turned(frame, turns, mirrored=mirrored)
    back = frame.to_grid(seen.to_image(np.argwhere(np.ones(frame.size_hw))[:, ::-1].astype(float)))
    columns, rows = np.rint(back).astype(int).T
    np.testing.assert_allclose(back, np.rint(back), atol=1e-6)
    assert np.array_equal(grid[rows, columns].reshape(frame.size_hw), expected)


ERRORS = st.tuples(st.floats(-0.14, 0.14), st.floats(-0.14, 0.14), st.floats(-24, 24), st.floats(-0.28, 0.28))


@settings(max_examples=40)
@given(FRAMES, ERRORS)
def test_a_frame_s_error_is_the_shift_turn_and_growth_that_made_it(frame, error):
    x, y, degrees, growth = error
    side = frame.size_hw[0]
    matrix = cv2.getRotationMatrix2D(tuple(middle(frame)), -degrees, float(np.exp(growth)))
    matrix[:, 2] += (x * side, y * side)
    np.testing.assert_allclose(frame_error(frame.then(matrix), frame), error, atol=1e-6)
    np.testing.assert_allclose(frame_error(frame, frame), 0, atol=1e-9)


@pytest.mark.parametrize("mirrored", [False, True])
def test_frames_of_which_one_is_mirrored_have_no_error(mirrored):
    one, other = (Frame.around((50, 40), 60, 33, degrees=20, mirrored=flag) for flag in (mirrored, not mirrored))
    assert frame_error(one, other) is None
    assert frame_error(one, one) is not None


@settings(max_examples=25)
@given(st.lists(ERRORS, min_size=1, max_size=9), st.integers(0, 99))
def test_errors_are_spread_robustly_and_drawn_within_their_limits(samples, seed):
    errors = FrameErrors(np.array(samples))
    expected = 1.4826 * np.median(np.abs(samples), axis=0)
    np.testing.assert_allclose(errors.spread, np.clip(expected, [0.015, 0.015, 3, 0.03], [0.15, 0.15, 25, 0.3]))
    rng = np.random.default_rng(seed)
    drawn = np.array([errors.draw(rng) for _ in range(30)])
    assert (np.abs(drawn) <= [0.15, 0.15, 25, 0.3]).all()
    again = FrameErrors.from_json(errors.to_json())
    np.testing.assert_allclose(again.samples, errors.samples, atol=1e-5)


def test_without_samples_errors_are_the_least_ones():
    rng = np.random.default_rng(0)
    drawn = np.array([NO_ERRORS.draw(rng) for _ in range(2000)])
    np.testing.assert_allclose(drawn.std(0), [0.015, 0.015, 3.0, 0.03], rtol=0.1)
    assert FrameErrors.from_json(NO_ERRORS.to_json()).samples.shape == (0, 4)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_jitter_has_the_strength_that_is_asked_for(strength):
    frame = Frame.around((60, 60), 80, 64, degrees=30)
    found = [
        frame_error(jitter_frame(frame, NO_ERRORS, np.random.default_rng(seed), strength=strength), frame)
        for seed in range(150)
    ]
    least = np.array([0.015, 0.015, 3.0, 0.03])
    np.testing.assert_allclose(np.std(found, axis=0), strength * least, rtol=0.2, atol=1e-9)


def test_hands_that_are_lost_are_counted_and_give_no_error():
    points = hand_points(unit=300.0, at=np.array([1024.0, 1024.0]))
    true, empty = masks_at(points), BoneMasks.from_crops({}, (2048, 2048))
    mirrored = masks_at(points * [-1, 1] + [2048, 0])
    errors = measure_frame_errors([(true, true), (empty, true), (mirrored, true)], schema.Roi(), 64)
    assert errors.lost == 2 and errors.samples.shape == (1, 4)
    np.testing.assert_allclose(errors.samples, 0, atol=1e-9)


BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.integers(0, 80),
    st.integers(0, 80),
    st.integers(5, 20),
    st.integers(5, 20),
)


def apart(one, other):
    return one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top


@settings(max_examples=80)
@given(st.lists(BOXES, min_size=1, max_size=5))
def test_every_hand_has_an_area_that_holds_it_and_no_other(hands):
    kept = []
    for hand in hands:
        if all(apart(hand, other) for other in kept):
            kept.append(hand)
    found = areas(kept, (100, 100))
    assert len(found) == len(kept)
    for hand, area in zip(kept, found, strict=True):
        assert (
            area.left <= hand.left and hand.right <= area.right and area.top <= hand.top and hand.bottom <= area.bottom
        )
        assert area.shared(Box.whole((100, 100))) == area
        assert all(apart(area, other) for other in kept if other is not hand)
    assert found == ([Box.whole((100, 100))] if len(kept) == 1 else found)


@settings(max_examples=20)
@given(st.integers(0, 40), st.integers(0, 30), FRAMES)
def test_an_outcome_of_a_part_lies_where_the_part_does(left, top, frame):
    area = Box(left, top, left + 40, top + 50)
    crop = np.full((4, 6), 200, np.uint8)
    part = BoneProbabilities.from_crops([(crop, Box(3, 5, 9, 9)), *[(crop[:0, :0], Box(0, 0, 0, 0))] * 28], (50, 40))
    outcome = MethodResult(part, part, location=Location(frame, True, 0.9))
    whole = in_whole_image(outcome, area, (100, 90))
    expected = np.zeros((100, 90), np.uint8)
    expected[top + 5 : top + 9, left + 3 : left + 9] = 200
    for found in (whole.coarse, whole.final):
        box = Box(*found.boxes_xyxy[0].tolist())
        seen = np.zeros((100, 90), np.uint8)
        seen[box.inside(Box.whole((100, 90)))] = found.crops[0]
        assert np.array_equal(seen, expected) and not found.crops[1].size
    shifted = whole.location.frame.to_grid(POINTS + np.array([left, top]))
    np.testing.assert_allclose(shifted, frame.to_grid(POINTS), atol=1e-8)


def disc(side, radius, at):
    y, x = np.mgrid[:side, :side]
    return BoneProbabilities.from_masks(
        BoneMasks.from_crops({3: (np.hypot(x - at[0], y - at[1]) <= radius, (0, 0))}, (side, side))
    )


@pytest.mark.parametrize("at", [(60, 60), (4, 60), (115, 117)])
def test_without_strength_a_perturbed_mask_is_the_mask_with_a_soft_edge(at):
    truth = disc(120, 20, at)
    found = perturb(truth, np.random.default_rng(0), strength=0.0)
    one, other = (each.threshold(0.5).mask(3) for each in (truth, found))
    assert np.count_nonzero(one != other) <= 0.02 * one.sum()
    soft = (found.crops[3] > 20) & (found.crops[3] < 235)
    assert soft.any() and found.crops[4].size == 0


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_perturbed_masks_are_the_worse_the_stronger_they_are_perturbed(strength):
    truth = disc(200, 24, (100, 100))
    mask = truth.threshold(0.5).mask(3)

    def dice(strength):
        found = [perturb(truth, np.random.default_rng(s), strength).threshold(0.5).mask(3) for s in range(25)]
        return np.mean([2 * (each & mask).sum() / (each.sum() + mask.sum()) for each in found])

    assert dice(strength) < dice(strength / 2) < 1
