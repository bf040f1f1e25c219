"""What networks are shown: the right part of the image, targets that fit it, and the same items again for a seed."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from handbone.anatomy import COUNT, INDEX
from handbone.core.frame import Frame
from handbone.data.grid_dataset import LabelledImage
from handbone.data.view import resized, view
from handbone.method.datasets import CoarseDataset, RefineDataset
from handbone.recipe import schema

CAPITATE, LUNATE = INDEX["Capitate"], INDEX["Lunate"]
STILL = schema.Augment(
    probability=0, wrist_bend_probability=0, flip=0, brightness=0, contrast=0, gamma=0, noise=0, blur=0
)


def square(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


class Loader:
    """A bright square on black, 120 high and 80 wide, as a cached image."""

    def __call__(self):
        image = np.zeros((120, 80), np.uint8)
        image[40:60, 20:50] = 255
        return image


def image(name="a.png"):
    polygons = {CAPITATE: [square(20, 40, 49, 59)], LUNATE: [square(60, 100, 100, 140)]}
    return LabelledImage(name, Loader(), (120, 80), polygons)


def test_a_coarse_item_is_the_letterboxed_image_with_its_target():
    item = CoarseDataset([image()], size=96)[0]
    assert item["name"] == "a.png"
    assert item["image"].shape == (1, 96, 96) and item["image"].dtype == torch.float32
    assert item["target"].shape == (COUNT, 96, 96) and item["target"].dtype == torch.uint8
    target = item["target"].float() / 255
    assert (item["image"][0] - target[CAPITATE]).abs().max() < 0.15
    assert target[CAPITATE].sum() == pytest.approx(600 * 0.8**2, rel=0.02)
    # The polygon that leaves the image is clipped by the grid, never dropped.
    assert target[LUNATE].sum() > 100
    assert target.sum((1, 2)).count_nonzero() == 2


def test_other_sizes_show_the_same():
    data = CoarseDataset([image()], size=96)
    small = data.at_size(48)
    assert small[0]["image"].shape == (1, 48, 48) and data[0]["image"].shape == (1, 96, 96)
    areas = [float(each[0]["target"][CAPITATE].float().sum()) for each in (small, data)]
    assert 4 * areas[0] == pytest.approx(areas[1], rel=0.03)


def refine_data(**more):
    return RefineDataset([image()], lambda _: Frame.around((35, 50), 64, 128), size=128, **more)


def test_a_refiners_item_is_the_roi():
    item = refine_data()[0]
    target = item["target"].float() / 255
    assert (item["image"][0] - target[CAPITATE]).abs().mean() < 0.02
    assert target[CAPITATE].sum() == pytest.approx(600 * 4, rel=0.03)
    small = refine_data().at_size(64)[0]
    assert small["target"][CAPITATE].float().sum() / 255 == pytest.approx(600, rel=0.03)


def test_coarse_channels_are_the_coarse_masks_in_the_same_roi():
    coarse = {"a.png": {CAPITATE: [square(22, 40, 51, 59)]}}
    image = refine_data(coarse=coarse)[0]["image"]
    assert image.shape == (1 + COUNT, 128, 128)
    assert image[1 + CAPITATE].sum() == pytest.approx(600 * 4, rel=0.03)
    overlap = torch.minimum(image[0], image[1 + CAPITATE]).sum()
    assert overlap == pytest.approx(600 * 4 * 28 / 30, rel=0.04)
    assert image[1:].sum((1, 2)).count_nonzero() == 1


def test_coarse_channels_are_sometimes_blank_in_training_only():
    coarse = {"a.png": {CAPITATE: [square(20, 40, 49, 59)]}}
    shown = {}
    for blank in (True, False):
        data, sums = refine_data(coarse=coarse, blank=blank), []
        for epoch in range(40):
            data.set_epoch(epoch)
            sums.append(float(data[0]["image"][1:].sum()))
        shown[blank] = np.count_nonzero(sums) / len(sums)
    assert shown[False] == 1 and 0.45 < shown[True] < 0.8


def test_coarse_channels_move_with_the_image():
    coarse = {"a.png": {CAPITATE: [square(20, 40, 49, 59)]}}
    moves = STILL.model_copy(update={"probability": 1.0, "flip": 0.5, "rotate": 30.0})
    data = refine_data(coarse=coarse, augment=moves, jitter=1.0)
    for epoch in range(5):
        data.set_epoch(epoch)
        item = data[0]
        target = item["target"][CAPITATE].float() / 255
        assert (item["image"][1 + CAPITATE] - target).abs().max() < 0.02
        assert (item["image"][0] - target).abs().mean() < 0.04


@pytest.mark.parametrize("make", [refine_data, lambda **more: CoarseDataset([image()], size=128, **more)])
def test_randomness_depends_on_seed_epoch_and_index_only(make):
    moves = schema.Augment(noise=0.05)
    first = make(augment=moves, seed=3)[0]["image"]
    again = make(augment=moves, seed=3)
    assert torch.equal(again[0]["image"], first)
    again.set_epoch(1)
    assert not torch.equal(again[0]["image"], first)
    assert not torch.equal(make(augment=moves, seed=4)[0]["image"], first)


def test_jitter_moves_the_roi_and_zero_leaves_it():
    still, moved = refine_data()[0], refine_data(jitter=1.0)[0]
    assert not torch.equal(still["image"], moved["image"])
    moved_target = moved["target"][CAPITATE].float() / 255
    assert (moved["image"][0] - moved_target).abs().mean() < 0.03


def test_a_dataset_feeds_a_loader_with_workers_and_can_be_pickled():
    data = CoarseDataset([image(), image("b.png")], size=64, augment=schema.Augment())
    batch = next(iter(DataLoader(data, batch_size=2, num_workers=1)))
    assert batch["image"].shape == (2, 1, 64, 64) and batch["name"] == ["a.png", "b.png"]
    assert torch.equal(pickle.loads(pickle.dumps(data))[0]["target"], data[0]["target"])
    assert len(list(data)) == 2


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_view_reads_any_kind_of_image(kind):
    full = np.random.default_rng(0).random((150, 100), np.float32)
    image = full if kind is np.float32 else (full * np.iinfo(kind).max).round().astype(kind)
    for frame in (
        Frame.around((30, 70), 50, 40, degrees=25, mirrored=True),
        Frame.around((95, 145), 60, 96),
        Frame.letterbox((150, 100), (64, 64)),
    ):
        seen = view(image, frame)
        assert seen.dtype == np.float32 and seen.shape == frame.size_hw
        assert seen.min() >= 0 and seen.max() <= 1
    exact = Frame.around((50.5, 70.5), 20, 20)
    assert view(image, exact) == pytest.approx(full[61:81, 41:61], abs=0.005)
    assert view(image, Frame.around((500, 500), 20, 16)).max() == 0


def test_a_resized_frame_is_the_same_roi():
    frame = Frame.around((100, 90), 64, 128, degrees=33, mirrored=True)
    assert resized(frame, 48).corners_xy == pytest.approx(frame.corners_xy)
    assert resized(frame, 128) is frame
