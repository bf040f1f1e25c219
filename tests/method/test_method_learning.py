"""What networks of the method learn from: frames of training, coarse channels, embedded regions, sums of Dice."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.checked_arrays import is_whole
from handbone.core.frame import Frame
from handbone.data.labelled_image import LabelledImage
from handbone.method.datasets import CoarseDataset, RefineDataset, moved_to_a_bone
from handbone.method.prompt import current_masks, rank
from handbone.method.prompt_embeddings import EmbeddingCache
from handbone.method.prompt_scores import AnswerSums, coverage, dice_of
from handbone.method.refine import predict_refined, with_coarse
from handbone.method.roi import RegionOfInterest
from handbone.method.roi_jitter import FrameErrors, frame_error
from handbone.networks.grid_network import GridNetwork
from handbone.recipe import schema


def square(x, y, side=10):
    return np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], np.float32)


POLYGONS = {3: [square(10, 10)], 7: [square(60, 30)], 20: [square(40, 70)]}


def usual(size=48):
    return Frame.around((50, 50), 60, size, degrees=20)


@pytest.mark.parametrize("size", [33, 48])
def test_a_roaming_frame_has_the_bone_within_a_quarter_of_its_middle(size):
    frame = usual(size)
    middle, found = (size - 1) / 2, set()
    for seed in range(60):
        moved = moved_to_a_bone(frame, POLYGONS, np.random.default_rng(seed))
        assert moved.scale == pytest.approx(frame.scale) and moved.size_hw == frame.size_hw
        away = {bone: np.abs(moved.to_grid(p[0]).mean(0) - middle).max() / size for bone, p in POLYGONS.items()}
        nearest = min(away, key=away.get)
        assert away[nearest] <= 0.25 + 1e-6
        found.add(nearest)
        error = frame_error(moved, frame)
        assert error[2] == pytest.approx(0, abs=1e-6) and error[3] == pytest.approx(0, abs=1e-9)
    assert found == set(POLYGONS)


@pytest.mark.parametrize("fineness", [1.0, 2.0, 0.5])
def test_a_roaming_frame_goes_to_bones_of_its_regions_as_finely_as_they_are_seen(fineness):
    region = RegionOfInterest("some", (7, 8), (7, 8), schema.Roi(), 48, fineness=fineness)
    for seed in range(10):
        moved = moved_to_a_bone(usual(), POLYGONS, np.random.default_rng(seed), [region])
        assert moved.scale == pytest.approx(usual().scale * fineness)
        assert np.abs(moved.to_grid(POLYGONS[7][0]).mean(0) - 23.5).max() <= 0.25 * 48 + 1e-6
    empty = RegionOfInterest("none", (1,), (1,), schema.Roi(), 48)
    assert moved_to_a_bone(usual(), POLYGONS, np.random.default_rng(0), [empty]) == usual()
    assert moved_to_a_bone(usual(), {}, np.random.default_rng(0)) == usual()


def labelled(name="a.png"):
    return LabelledImage(name, lambda: np.zeros((90, 100), np.float32), (90, 100), POLYGONS)


def refined(**options):
    return RefineDataset([labelled()], lambda image: usual(), size=48, **options)


def test_whole_images_are_letterboxed():
    dataset = CoarseDataset([labelled()], size=64)
    assert dataset.frame_of(labelled(), np.random.default_rng(0)) == Frame.letterbox((90, 100), (64, 64))
    item = dataset[0]
    assert item["image"].shape == (1, 64, 64) and item["target"].shape == (COUNT, 64, 64)
    shown = {bone for bone in range(COUNT) if item["target"][bone].any()}
    assert shown == set(POLYGONS)
    scale = 0.64**2
    assert float(item["target"][3].float().sum()) / 255 == pytest.approx(11 * 11 * scale, rel=0.15)


def test_a_region_stays_where_nothing_moves_it_and_errs_as_it_is_told():
    rng = np.random.default_rng
    assert refined().frame_of(labelled(), rng(0)) == usual()
    still = refined(errors=FrameErrors(np.array([[0.1, 0.0, 5.0, 0.1]])), jitter=0.0)
    assert still.frame_of(labelled(), rng(0)) == usual()
    moved = refined(errors=FrameErrors(np.array([[0.1, 0.0, 5.0, 0.1]] * 9)), jitter=1.0)
    errors = np.array([frame_error(moved.frame_of(labelled(), rng(s)), usual()) for s in range(200)])
    assert np.abs(errors).mean(0) == pytest.approx([0.12, 0.01, 6.0, 0.12], rel=0.6)
    assert refined(random_roi_probability=1.0).frame_of(labelled(), rng(1)) != usual()


def test_an_image_that_is_drawn_on_the_way_is_as_large_as_its_region_needs():
    assert refined(roi_share=0.25).image_side() == 192


def test_coarse_masks_are_channels_and_are_blanked_only_in_training():
    coarse = {"a.png": {3: [square(12, 10)], 20: [square(40, 70)]}}
    whole = refined(coarse=coarse)[0]["image"]
    assert whole.shape == (1 + COUNT, 48, 48)
    assert {bone for bone in range(COUNT) if whole[1 + bone].any()} <= {3, 20} and whole[21].any()
    blanked = []
    dataset = refined(coarse=coarse, blank=True)
    for epoch in range(80):
        dataset.set_epoch(epoch)
        blanked.append(not dataset[0]["image"][21].any())
    assert np.mean(blanked) == pytest.approx(1 - 0.7 * 0.9, abs=0.15)


@settings(max_examples=25)
@given(st.integers(-5, 40), st.integers(-5, 40), st.integers(3, 20))
def test_a_channel_is_the_share_of_each_pixel_that_the_mask_covers(x, y, side):
    grid = np.random.default_rng(0).random((48, 48), np.float32)
    channels = with_coarse(grid, {5: [square(x + 0.0, y + 0.0, side)]}, 1.0)
    assert channels.dtype == np.float32 and np.array_equal(channels[0], grid)
    rows, columns = np.mgrid[:48, :48]
    inside = (columns > x) & (columns < x + side) & (rows > y) & (rows < y + side)
    outside = (columns < x - 1) | (columns > x + side + 1) | (rows < y - 1) | (rows > y + side + 1)
    assert (channels[6][inside] >= 0.99).all() and not channels[6][outside].any()
    assert not np.delete(channels, [0, 6], axis=0).any()


class Everything(GridNetwork):
    """Is sure of every bone everywhere."""

    def __call__(self, batch):
        self.seen = batch
        return np.full((len(batch), COUNT, *batch.shape[2:]), 8.0, np.float32)


@pytest.mark.parametrize("bones", [(3,), (0, 28), tuple(range(COUNT))])
def test_a_refiner_returns_the_bones_that_are_asked_for_within_its_region(bones):
    frame = Frame.around((30, 20), 24, 32)
    found = predict_refined(Everything(), np.zeros((60, 70), np.float32), frame, bones=bones)
    masks = found.threshold(0.5)
    assert set(np.flatnonzero(masks.present())) == set(bones)
    for bone in bones:
        left, top, right, bottom = masks.boxes_xyxy[bone].tolist()
        assert (left, top, right, bottom) == pytest.approx((18, 8, 42, 32), abs=1)


class Counted:
    """An encoder that counts how often it works."""

    encoder_id, count = "one", 0

    def embed(self, grid):
        self.count += 1
        return torch.from_numpy(grid[None, None].repeat(2, 1) * 3)


def test_an_embedding_is_computed_once_for_the_same_pixels_and_encoder(tmp_path):
    cache, encoder = EmbeddingCache(tmp_path), Counted()
    grid = np.random.default_rng(0).random((8, 8), np.float32)
    path = cache.embed(encoder, grid)
    assert cache.embed(encoder, grid.copy()) == path and encoder.count == 1
    np.testing.assert_allclose(np.load(path), (grid * 3)[None, None].repeat(2, 1), rtol=1e-3)
    assert np.load(path).dtype == np.float16
    other = grid.copy()
    other[0, 0] += 1e-6
    assert cache.embed(encoder, other) != path and encoder.count == 2
    encoder.encoder_id = "two"
    assert cache.embed(encoder, grid) != path and encoder.count == 3
    path.write_bytes(path.read_bytes()[:-9])
    encoder.encoder_id = "one"
    assert cache.embed(encoder, grid) == path and encoder.count == 4 and is_whole(path)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_dice_of_masks_and_their_sums_are_numpys(seed):
    rng = np.random.default_rng(seed)
    masks, truth = rng.random((2, 4, 6, 6)) > rng.random((2, 4, 1, 1))
    found = dice_of(*(torch.from_numpy(each) for each in (masks, truth)))
    total = masks.sum((1, 2)) + truth.sum((1, 2))
    expected = 2 * (masks & truth).sum((1, 2)) / np.maximum(total, 1)
    assert found.tolist() == pytest.approx(expected.tolist())
    sums = AnswerSums()
    assert sums.score == sums.score_of_masks == 0
    sums.add(found[:1], found[2:3])
    sums.add(found[1:], found[1:])
    assert sums.score == pytest.approx(expected.mean(), abs=1e-6)
    assert sums.score_of_masks == pytest.approx((expected[2] + expected[1:].sum()) / 4, abs=1e-6)


def test_the_ground_truth_lies_on_the_whole_grid():
    masks = BoneMasks.from_crops({2: (np.ones((3, 4), bool), (5, 6)), 4: (np.ones((2, 2), bool), (0, 0))}, (12, 12))
    planes = coverage(BoneProbabilities.from_masks(masks), (4, 2, 9))
    assert planes.shape == (3, 12, 12)
    for plane, bone in zip(planes.numpy(), (4, 2, 9), strict=True):
        assert np.array_equal(plane, masks.mask(bone).astype(np.float32))
    assert torch.equal(current_masks(BoneProbabilities.from_masks(masks), (2,), 0.5)[0], planes[1] > 0.5)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_candidates_are_ranked_by_what_the_network_expects_and_by_the_mask_so_far(seed, weight):
    rng = np.random.default_rng(seed)
    logits, iou = rng.normal(0, 1, (3, 4, 5, 5)), rng.uniform(-0.2, 1.2, (3, 4))
    masks = rng.random((3, 5, 5)) > 0.5
    best, agreement = rank(*(torch.from_numpy(each) for each in (logits, iou, masks)), weight)
    for bone in range(3):
        values = []
        for candidate in range(4):
            inside = logits[bone, candidate] > 0
            dice = 2 * (inside & masks[bone]).sum() / max(inside.sum() + masks[bone].sum(), 1)
            assert float(agreement[bone, candidate]) == pytest.approx(dice, abs=1e-6)
            values.append(weight * min(max(iou[bone, candidate], 0), 1) + (1 - weight) * dice)
        assert values[int(best[bone])] == pytest.approx(max(values), abs=1e-6)
