"""Finding hands of discs, whichever way round they lie, with a reader that knows upright hands only."""

import numpy as np
import pytest
from stages_hands import DiscReader, disc_image, hand_points

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.core.grid_logits import grid_box
from handbone.method.coarse import predict_coarse
from handbone.method.locate import locate, predict_located, rate, turned
from handbone.method.postprocess import postprocess


def radiograph(**more):
    points = hand_points(**({"unit": 260.0, "at": np.array([620.0, 700.0]), "noise": 0.0} | more))
    points[INDEX["Pisiform"]] += 0.3 * (points[INDEX["Pisiform"]] - points[INDEX["Capitate"]])
    return disc_image(points, (1400, 1300), 9)


class UprightReader(DiscReader):
    """Sees a hand only where its fingers point up, as a network that never saw others."""

    def logits(self, image, flip=False, within=None):
        logits = super().logits(image, flip)
        rows = [np.nonzero(logits[INDEX[name]] > 0)[0] for name in ("finger-8", "Radius")]
        upright = all(map(len, rows)) and rows[0].mean() < rows[1].mean()
        return logits if upright else np.full_like(logits, -9)


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (20, 0), (180, 2)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_hand_stands_upright_in_its_frame(degrees, turns, mirrored):
    image, ground_truth = radiograph(degrees=degrees, mirrored=mirrored)
    _, place = locate(UprightReader(), image, 512, pass_size=1024)
    assert place.found and place.quarter_turns == turns and not place.mirrored_pass
    assert abs((place.degrees - degrees + 180) % 360 - 180) < 1
    assert place.thumb == ("right" if mirrored else "left")
    points = place.frame.to_grid(ground_truth.centroids_xy())
    assert points[INDEX["finger-8"], 1] < points[INDEX["Capitate"], 1] < points[INDEX["Radius"], 1]
    assert abs(points[INDEX["finger-8"], 0] - points[INDEX["Capitate"], 0]) < 60
    assert points.min() > 20 and points.max() < 492


def test_a_located_prediction_is_in_the_images_own_pixels():
    image, ground_truth = radiograph(degrees=180)
    probabilities, _ = predict_located(UprightReader(), image, 1024, pass_size=1024)
    masks = probabilities.threshold(0.5)
    assert masks.size_hw == image.shape
    assert np.abs(masks.centroids_xy() - ground_truth.centroids_xy()).max() < 2


class Asked(UprightReader):
    """Notes which part of the grid is asked for."""

    def logits(self, image, flip=False, within=None):
        self.asked = [*getattr(self, "asked", []), within]
        return super().logits(image)


@pytest.mark.parametrize("misses", [(), (INDEX["finger-4"],)])
def test_the_close_pass_looks_where_bones_are_unless_one_is_missing(misses):
    image, ground_truth = radiograph(degrees=10)
    reader = Asked(misses=misses)
    _, place = predict_located(reader, image, 512, pass_size=1024)
    whole, close = reader.asked
    # The image of 1400 x 1300 fills all of the pass over it but its sides.
    assert whole.size_hw[0] == 1024 and abs(whole.size_hw[1] - 1024 * 13 / 14) < 3
    if misses:
        assert close == grid_box(place.frame, Box.whole(image.shape))
        return
    assert close.bottom == 512 and close.size_hw[1] < 400
    points = place.frame.to_grid(ground_truth.centroids_xy())
    assert (points - 30 > close[:2]).all() and (points[:, 0] + 30 < close.right).all()


def test_no_hand_is_said_and_the_whole_image_read():
    image = np.zeros((300, 200), np.float32)
    probabilities, place = predict_located(DiscReader(), image, 64, pass_size=64)
    assert not place.found and place.passes == 8 and place.score == 0
    assert probabilities.size_hw == (300, 200) and not probabilities.threshold().present().any()


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_a_turned_frame_shows_what_numpy_turns(turns, mirrored):
    image = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    seen = turned(Frame.letterbox((32, 32), (32, 32)), turns, mirrored=mirrored).warp(image)
    expected = np.rot90(image, -turns)
    assert np.allclose(seen, expected[:, ::-1] if mirrored else expected, atol=1e-5)


def test_a_hand_without_most_bones_is_rated_low():
    image, _ = radiograph()
    whole = predict_coarse(DiscReader(), image, 1024)
    few = predict_coarse(DiscReader(misses=range(22)), image, 1024)
    assert rate(whole)[0] > 0.95 and rate(few)[0] < 0.3


def test_specks_go_and_parted_bones_stay():
    dense = np.zeros((COUNT, 100, 100), np.float32)
    dense[3, 20:50, 20:30] = 0.9  # a shaft,
    dense[3, 53:58, 20:30] = 0.9  # its epiphysis,
    dense[3, 90:93, 90:93] = 0.9  # and a speck on the image's border
    dense[3, 94, 90] = 0.3
    processed = postprocess(BoneProbabilities.from_dense(dense)).dense()[3]
    assert (processed[80:, 80:] == 0).all()
    assert np.array_equal(processed[:60] > 0.5, dense[3, :60] > 0.5)
    assert postprocess(BoneProbabilities.from_dense(dense * 0)).threshold().areas().sum() == 0
    dense[3, 30:34, 23:26] = 0.2
    filled = postprocess(BoneProbabilities.from_dense(dense)).threshold().mask(3)
    assert filled[20:50, 20:30].all() and not filled[50:53].any()
