"""Images of several hands of discs: each is found, outlined by itself, and put back where it lies."""

from dataclasses import replace

import numpy as np
import pytest
from stages_hands import DiscReader, disc_image, hand_points

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.method.settings import MethodSettings
from handbone.method.several_hands import areas, find_hands, in_whole_image, predict_hands
from handbone.method.two_stage import Stage, TwoStage

LOOK = 512


def one(unit=120.0, radius=7, **more):
    points = hand_points(unit=unit, at=np.array([230.0, 330.0]), noise=0.0, **more)
    points[INDEX["Pisiform"]] += 0.3 * (points[INDEX["Pisiform"]] - points[INDEX["Capitate"]])
    return disc_image(points, (500, 460), radius)


def method():
    return TwoStage(Stage(DiscReader(), LOOK), settings=MethodSettings(find_hand=LOOK, postprocess=True))


# Larger discs on the left: where both hands have a bone, the whole image shows that of the left one.
PAIRS = {
    "left and right": lambda: np.hstack([one()[0], one(100.0, 5, mirrored=True)[0]]),
    "above and below": lambda: np.vstack([one()[0], one(100.0, 5, mirrored=True)[0]]),
}


@pytest.mark.parametrize("layout", PAIRS)
def test_each_hand_of_two_is_outlined_by_itself_where_it_lies(layout):
    image = PAIRS[layout]()
    hands = predict_hands(method(), image)
    assert len(hands) == 2 and all(hand.others == 1 for hand in hands)
    assert [hand.outcome.hand.side for hand in hands] == ["R", "L"]
    shift = np.array([460, 0] if layout == "left and right" else [0, 500])
    for number, hand in enumerate(hands):
        ground_truth = one(100.0, 5, mirrored=True)[1] if number else one()[1]
        masks = hand.outcome.final.threshold(0.5)
        assert masks.size_hw == image.shape and masks.present().sum() >= 27
        there = masks.present()
        expected = ground_truth.centroids_xy() + number * shift
        assert np.abs(masks.centroids_xy()[there] - expected[there]).max() < 3
        # The frame says where in the whole image it was looked.
        middle = hand.outcome.location.frame.to_image(np.array([[LOOK / 2, LOOK / 2]]))[0]
        assert np.abs(middle - expected.mean(0)).max() < 120


def test_the_one_that_shows_best_is_outlined_without_bones_of_the_other():
    image = PAIRS["left and right"]()
    [hand] = predict_hands(method(), image, every=False)
    assert hand.others == 1 and hand.area.right < 560
    masks = hand.outcome.final.threshold(0.5)
    assert masks.boxes_xyxy[:, 2].max() <= hand.area.right


def test_one_hand_costs_no_further_look_where_no_other_has_room():
    image, _ = one()
    narrow = image[30:420, 60:400]
    seen = method()
    whole = seen.predict(narrow)
    looks = len(seen.coarse_stage.predictor.seen)
    assert len(find_hands(seen, narrow, whole)) == 1
    assert len(seen.coarse_stage.predictor.seen) == looks
    [hand] = predict_hands(method(), narrow)
    assert hand.others == 0 and hand.area == Box.whole(narrow.shape)


def beside(first, second=None):
    """A hand with room for another one at its right; the looks taken beside it, and the boxes of the hands found."""
    image = np.hstack([first, np.zeros((500, 460), np.float32) if second is None else second])
    seen = method()
    whole = seen.predict(image)
    passes = len(seen.coarse_stage.predictor.seen)
    boxes = find_hands(seen, image, whole)
    looks = len(seen.coarse_stage.predictor.seen) - passes
    blind = replace(whole, location=replace(whole.location, traces=None))
    return looks, boxes, find_hands(seen, image, blind), len(seen.coarse_stage.predictor.seen) - passes - looks


def test_a_look_is_taken_only_where_the_first_pass_shows_bones_and_finds_the_same():
    looks, boxes, found_blindly, looks_blindly = beside(one()[0])
    assert looks == 0 and looks_blindly > 0 and boxes == found_blindly and len(boxes) == 1
    looks, boxes, found_blindly, looks_blindly = beside(one()[0], one(100.0, 5, mirrored=True)[0])
    assert 0 < looks <= looks_blindly and boxes == found_blindly and len(boxes) == 2


def test_the_blurred_rim_of_a_hand_is_no_trace_of_another():
    image = np.hstack([one()[0], np.zeros((500, 460), np.float32)])
    seen = method()
    whole = seen.predict(image)
    traces = whole.location.traces
    widest = int(traces.boxes_xyxy[:, 2].argmax())
    looks = {}
    for reach in (1, 8):
        left, top, right, bottom = traces.boxes_xyxy[widest].tolist()
        parts = list(zip(traces.crops, map(Box._make, traces.boxes_xyxy.tolist()), strict=True))
        rim = np.pad(traces.crops[widest], ((0, 0), (0, reach)), constant_values=100)
        parts[widest] = rim, Box(left, top, right + reach, bottom)
        there = replace(whole.location, traces=BoneProbabilities.from_crops(parts, traces.size_hw))
        seen.coarse_stage.predictor.seen.clear()
        assert len(find_hands(seen, image, replace(whole, location=there))) == 1
        looks[reach] = len(seen.coarse_stage.predictor.seen)
    assert looks[1] == 0 < looks[8]


class Flipping(DiscReader):
    """Notes whether the mirrored image is read as well."""

    def logits(self, image, flip=False, within=None):
        self.flips = [*getattr(self, "flips", []), flip]
        return super().logits(image)


@pytest.mark.parametrize(("bones", "flips"), [(COUNT, [False, True]), (5, [False, False])])
def test_looks_read_the_mirrored_image_where_a_hand_is_likely(bones, flips):
    first, other = one()[0], one(100.0, 5, mirrored=True)[0]
    other[np.round(other * (COUNT + 1)) > bones] = 0
    reader = Flipping()
    seen = TwoStage(Stage(reader, LOOK), settings=MethodSettings(find_hand=LOOK, postprocess=True, flip_tta=True))
    image = np.hstack([first, other])
    whole = seen.predict(image)
    passes = len(reader.flips)
    find_hands(seen, image, replace(whole, location=replace(whole.location, traces=None)))
    assert reader.flips[passes : passes + 2] == flips


def test_what_the_first_pass_shows_does_not_go_into_records():
    location = method().predict(one()[0]).location
    assert location.traces is not None and "traces" not in location.to_json()


def test_no_hand_is_one_outcome_without_bones():
    [hand] = predict_hands(method(), np.zeros((200, 300), np.float32))
    assert not hand.outcome.hand.found and hand.others == 0
    assert not hand.outcome.final.threshold(0.5).present().any()


def test_weights_that_do_not_look_for_hands_see_one():
    [hand] = predict_hands(TwoStage(Stage(DiscReader(), LOOK)), PAIRS["left and right"]())
    assert hand.others == 0 and hand.outcome.location is None


def test_regions_end_half_way_to_every_other_hand():
    boxes = [Box(10, 10, 40, 90), Box(60, 12, 90, 88), Box(20, 120, 80, 180)]
    assert areas(boxes, (200, 100)) == [Box(0, 0, 50, 105), Box(50, 0, 100, 104), Box(0, 105, 100, 200)]


def test_an_outcome_of_a_part_is_moved_as_a_whole():
    image, _ = one()
    outcome = method().predict(image)
    area = Box(30, 20, 30 + image.shape[1], 20 + image.shape[0])
    moved = in_whole_image(outcome, area, (600, 700))
    for before, after in ((outcome.coarse, moved.coarse), (outcome.final, moved.final)):
        shifted = np.zeros((COUNT, 600, 700), np.float32)
        shifted[:, 20 : 20 + image.shape[0], 30 : 30 + image.shape[1]] = before.dense()
        np.testing.assert_array_equal(after.dense(), shifted)
    points = np.array([[100.0, 200.0]])
    frames = outcome.location.frame, moved.location.frame
    np.testing.assert_allclose(frames[1].to_grid(points + np.array([30, 20])), frames[0].to_grid(points))


def test_parts_that_show_no_hand_after_all_are_no_further_hands(monkeypatch):
    parts = [Box(0, 0, 60, 80), Box(80, 0, 160, 80)]
    monkeypatch.setattr("handbone.method.several_hands.find_hands", lambda *_: parts)
    [none] = predict_hands(method(), np.zeros((100, 180), np.float32))
    assert not none.outcome.hand.found and none.others == 0
