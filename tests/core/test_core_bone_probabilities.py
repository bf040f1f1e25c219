"""The probability store against dense float planes."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from masks_toys import hand_of_blobs

from handbone.anatomy import CARPALS, COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError, ShapeError
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage

# Half a step of 1/255, and what lies below the floor of 0.02.
QUANTISED, FLOOR = 0.5 / 255 + 1e-6, 4.5 / 255 + 1e-6


def logits_like_a_network(polygons, frame: Frame) -> np.ndarray:
    """Logits from -9 to 9 that change over a few pixels, with noise."""
    noise = np.random.default_rng(0).normal(-9, 0.3, frame.size_hw).astype(np.float32)
    soft = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in coverage(polygons, frame)])
    return noise + soft * np.float32(18 / 255)


def naive_dense(logits: np.ndarray, frame: Frame, image_hw) -> np.ndarray:
    """Every plane interpolated at every pixel of the image, then the sigmoid; 0 outside the grid."""
    y, x = np.mgrid[: image_hw[0], : image_hw[1]]
    places = frame.to_grid(np.column_stack([x.ravel(), y.ravel()])).reshape(*image_hw, 2).astype(np.float32)
    u, v = places[..., 0], places[..., 1]
    rows, columns = frame.size_hw
    inside = (u >= -0.5) & (u <= columns - 0.5) & (v >= -0.5) & (v <= rows - 0.5)
    planes = [cv2.remap(p, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for p in logits]
    return np.where(inside, 1 / (1 + np.exp(-np.stack(planes))), 0)


FRAMES = {
    "letterbox": Frame.letterbox((400, 360), (200, 200)),
    "turned and mirrored": Frame.around((190, 210), 240, 160, degrees=33, mirrored=True),
    "native": Frame.around((190, 210), 128, 128),
    "leaving the image": Frame.around((20, 390), 200, 128, degrees=-15),
}


@pytest.mark.parametrize("name", FRAMES)
def test_grid_logits_become_what_the_dense_upsample_gives(name):
    frame, size_hw = FRAMES[name], (400, 360)
    logits = logits_like_a_network(hand_of_blobs(400), frame)
    expected = naive_dense(logits, frame, size_hw)
    found = BoneProbabilities.from_grid_logits(logits, frame, size_hw)
    # OpenCV interpolates at 1/32 of a pixel.
    tolerance = 0.02 if "turned" in name or "leaving" in name else 1e-3
    assert np.abs(found.dense() - expected)[expected > 0.03].max() < QUANTISED + tolerance
    assert np.abs(found.dense() - expected).max() < FLOOR + tolerance
    differing = found.threshold().dense() != (expected >= 0.5)
    assert differing.mean() < 1e-5


def test_a_finer_grid_is_averaged_down():
    frame, size_hw = Frame.around((200, 200), 100, 300, degrees=10), (400, 400)
    logits = logits_like_a_network(hand_of_blobs(400, seed=4), frame)
    expected = naive_dense(logits, frame, size_hw) >= 0.5
    found = BoneProbabilities.from_grid_logits(logits, frame, size_hw).threshold().dense()
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.99


def test_bones_cut_by_the_image_s_edge_stay_whole_up_to_it():
    logits = np.full((COUNT, 64, 64), -9, np.float32)
    logits[27, 40:, 20:40] = 9
    masks = BoneProbabilities.from_grid_logits(logits, Frame.letterbox((128, 128), (64, 64)), (128, 128)).threshold()
    assert masks.mask(27)[-1, 40:80].all()
    assert masks.boxes_xyxy[27].tolist() == [40, 80, 80, 128]


def test_nothing_is_said_outside_the_frame():
    frame = Frame.around((100, 100), 60, 60, degrees=30)
    logits = np.full((COUNT, 60, 60), 9, np.float32)
    dense = BoneProbabilities.from_grid_logits(logits, frame, (200, 200)).dense()[0]
    inside = cv2.fillPoly(np.zeros((200, 200), np.uint8), [np.rint(frame.corners_xy).astype(np.int32)], 1)
    assert not dense[cv2.dilate(inside, np.ones((3, 3))) == 0].any()
    assert (dense[cv2.erode(inside, np.ones((5, 5))) == 1] > 0.99).all()


def test_a_frame_beside_the_image_gives_nothing():
    found = BoneProbabilities.from_grid_logits(
        np.full((COUNT, 32, 32), 9, np.float32), Frame.around((-500, 50), 32, 32), (64, 64)
    )
    assert not found.peak().any()


@given(hnp.arrays(np.float32, (2, 9, 11), elements=st.floats(0, 1, width=32)), st.integers(0, COUNT - 2))
def test_dense_there_and_back(planes, first):
    dense = np.zeros((COUNT, 9, 11), np.float32)
    dense[first : first + 2] = planes
    stored = BoneProbabilities.from_dense(dense)
    assert np.abs(stored.dense() - dense).max() <= FLOOR
    assert np.abs(stored.dense() - dense)[dense > 0.02].max(initial=0) <= QUANTISED
    assert BoneProbabilities.from_dense(stored.dense()) == stored
    assert np.array_equal(stored.peak(), stored.dense().max((1, 2)))


@given(hnp.arrays(np.uint8, (9, 11)), st.floats(0.02, 0.999))
def test_threshold_is_a_comparison_of_the_stored_values(steps, limit):
    dense = np.zeros((COUNT, 9, 11))
    dense[4] = steps / 255
    masks = BoneProbabilities.from_dense(dense).threshold(limit)
    assert np.array_equal(masks.mask(4), (steps >= 255 * limit) & (steps >= 5))


def test_one_threshold_a_bone():
    dense = np.full((COUNT, 4, 4), 0.6)
    limits = np.full(COUNT, 0.5)
    limits[3] = 0.7
    present = BoneProbabilities.from_dense(dense).threshold(limits).present()
    assert not present[3]
    assert present.sum() == COUNT - 1
    with pytest.raises(ShapeError, match=r"\(29,\), but got \(3,\)"):
        BoneProbabilities.from_dense(dense).threshold([0.5, 0.5, 0.5])


def random_probabilities(seed: int, size_hw=(40, 50)) -> BoneProbabilities:
    rng = np.random.default_rng(seed)
    dense = np.zeros((COUNT, *size_hw))
    for plane in dense:
        x, y = rng.integers(0, 30, 2)
        plane[y : y + 12, x : x + 15] = rng.uniform(0, 1, plane[y : y + 12, x : x + 15].shape)
    dense[int(rng.integers(COUNT))] = 0
    return BoneProbabilities.from_dense(dense)


@pytest.mark.parametrize("seed", range(3))
def test_blend_fades_the_chosen_bones(seed):
    one, other = random_probabilities(seed), random_probabilities(seed + 100)
    weight = np.random.default_rng(seed).uniform(0, 1, (40, 50))
    blended = one.blend(other, weight, CARPALS)
    a, b = one.dense(), other.dense()
    expected = a + weight * (b - a)
    for index in range(COUNT):
        if index in CARPALS:
            assert np.abs(blended.dense()[index] - expected[index]).max() <= FLOOR
        else:
            assert np.array_equal(blended.dense()[index], a[index])


def test_blend_in_a_box_is_zero_outside_it():
    one, other = random_probabilities(1), random_probabilities(2)
    box, inside = (10, 5, 30, 25), np.linspace(0, 1, 400).reshape(20, 20)
    weight = np.zeros((40, 50))
    weight[5:25, 10:30] = inside
    assert one.blend(other, (box, inside)) == one.blend(other, weight)
    assert one.blend(other, np.zeros((40, 50))) == one
    assert one.blend(other, np.ones((40, 50))) == other


def test_mean_of_several():
    several = [random_probabilities(seed) for seed in range(4)]
    expected = np.mean([each.dense() for each in several], axis=0)
    assert np.abs(BoneProbabilities.mean(several).dense() - expected).max() <= FLOOR
    assert BoneProbabilities.mean(several[:1]) == several[0]


def test_images_of_other_sizes_are_refused():
    one, other = random_probabilities(1), random_probabilities(2, (41, 50))
    with pytest.raises(ShapeError, match=r"\(40, 50\), but got \(41, 50\)"):
        BoneProbabilities.mean([one, other])
    with pytest.raises(ShapeError):
        one.blend(other, np.ones((40, 50)))
    with pytest.raises(ShapeError, match="weight"):
        one.blend(one, np.ones((50, 40)))
    with pytest.raises(HandboneError, match="mean of"):
        BoneProbabilities.mean([])
    with pytest.raises(ShapeError, match=r"logits must have the shape \(29, 40, 50\)"):
        BoneProbabilities.from_grid_logits(np.zeros((29, 50, 40)), Frame.letterbox((8, 8), (40, 50)), (8, 8))


def test_save_and_load(tmp_path):
    one = random_probabilities(7)
    assert BoneProbabilities.load(one.save(tmp_path / "a.npz")) == one
    nothing = BoneProbabilities.from_dense(np.zeros((COUNT, 5, 5)))
    assert BoneProbabilities.load(nothing.save(tmp_path / "b.npz")) == nothing
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_a_hand_of_2048_takes_less_than_half_a_megabyte(tmp_path):
    polygons = hand_of_blobs(2048)
    frame = Frame.letterbox((2048, 2048), (1024, 1024))
    found = BoneProbabilities.from_grid_logits(logits_like_a_network(polygons, frame), frame, (2048, 2048))
    assert found.save(tmp_path / "hand.npz").stat().st_size < 500_000
    ground_truth, masks = BoneMasks.from_polygons(polygons, (2048, 2048)), found.threshold()
    assert (
        2 * np.count_nonzero(masks.mask(5) & ground_truth.mask(5)) / (masks.areas() + ground_truth.areas())[5]
    ) > 0.98


@pytest.mark.parametrize("keep", [0, 40, 0.5, 0.99])
def test_a_damaged_file_is_named(tmp_path, keep):
    path = random_probabilities(3).save(tmp_path / "cut.npz")
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep > 1 else int(keep * len(content))])
    with pytest.raises(HandboneError, match=r"cut\.npz: is "):
        BoneProbabilities.load(path)


def test_files_of_another_kind_are_named(tmp_path):
    with pytest.raises(HandboneError, match=r"none\.npz: there is no such file"):
        BoneProbabilities.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(HandboneError, match="is not a file of bone probabilities"):
        BoneProbabilities.load(tmp_path / "other.npz")
    # A pickle must not be read, whatever it holds.
    np.savez(tmp_path / "pickle.npz", size_hw=np.array([{}], object), boxes_xyxy=0, pixels=0)
    with pytest.raises(HandboneError, match="is not a file of bone probabilities"):
        BoneProbabilities.load(tmp_path / "pickle.npz")
    np.savez(
        tmp_path / "box.npz",
        size_hw=[4, 4],
        boxes_xyxy=np.full((29, 4), [0, 0, 9, 9]),
        pixels=np.zeros(29 * 81, np.uint8),
    )
    with pytest.raises(HandboneError, match="extends beyond the image of 4 x 4"):
        BoneProbabilities.load(tmp_path / "box.npz")
